//! The role × permission table of the product's design.

/// What somebody may do at a vendor, or on the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    Superadmin,
    VendorAdmin,
    VendorOperator,
    VendorViewer,
    /// Work of our own: jobs, retention. Never a person.
    System,
}

impl Role {
    /// The roles people have.
    pub const PEOPLE: [Self; 4] =
        [Self::Superadmin, Self::VendorAdmin, Self::VendorOperator, Self::VendorViewer];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Superadmin => "superadmin",
            Self::VendorAdmin => "vendor_admin",
            Self::VendorOperator => "vendor_operator",
            Self::VendorViewer => "vendor_viewer",
            Self::System => "system",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::PEOPLE.into_iter().find(|role| role.as_str() == text)
    }

    /// The whole table in one place; no `_` arm, so that a new permission is a decision.
    pub const fn may(self, permission: Permission) -> bool {
        use Permission as P;
        let admin = matches!(self, Self::VendorAdmin);
        let operator = matches!(self, Self::VendorOperator);
        let viewer = matches!(self, Self::VendorViewer);
        let superadmin = matches!(self, Self::Superadmin);
        if matches!(self, Self::System) {
            return true;
        }
        match permission {
            P::ProductsRead => admin || operator || viewer || superadmin,
            P::ProductsWrite => admin || operator,
            // A viewer sees the masked form; a superadmin needs break-glass, which is not this permission.
            P::CustomersReadMasked => admin || operator || viewer,
            P::CustomersRead | P::CustomersWrite => admin || operator,
            P::HealthRead | P::HealthWrite | P::MatchesRead => admin || operator,
            P::JobsRead => admin || operator || viewer || superadmin,
            P::IngestWrite => admin || operator,
            P::JobsControl => admin || operator || superadmin,
            P::SettingsRead => admin || operator || superadmin,
            P::SettingsWrite => admin,
            P::HoldsRelease => admin || operator,
            P::AuditRead => admin || superadmin,
            P::MembersManage => admin || superadmin,
            P::VendorsManage => superadmin,
            // Anybody who has signed in may ask who they are.
            P::SelfRead => true,
        }
    }
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// What an operation of the API asks for: noun, then verb.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Permission { $($(#[$doc])* $name),+ }

        impl Permission {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }
    };
}

permissions! {
    ProductsRead,
    ProductsWrite,
    /// Id, status, times, consent state; opens no sealed data.
    CustomersReadMasked,
    CustomersRead,
    CustomersWrite,
    HealthRead,
    HealthWrite,
    /// Reasons name conditions.
    MatchesRead,
    JobsRead,
    JobsControl,
    IngestWrite,
    SettingsRead,
    SettingsWrite,
    HoldsRelease,
    AuditRead,
    MembersManage,
    /// Vendors, platform metrics, queues.
    VendorsManage,
    SelfRead,
}
