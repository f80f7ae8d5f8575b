//! Protected health information cannot be printed, logged or serialised by accident.

/// Personal or health data. `Phi<T>` has no `Display`, no `Serialize` and a `Debug` without content;
/// reading what is inside is a deliberate act with a name that can be searched for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Lends the content. Whoever calls this has audited the disclosure or discloses to nobody.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    pub const fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }

    /// Gives the content away.
    pub fn into_exposed(self) -> T {
        self.0
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Phi<U> {
        Phi(f(self.0))
    }
}

impl<T> std::fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Phi(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Phi;

    #[test]
    fn debug_output_shows_nothing_of_the_content() {
        assert_eq!(format!("{:?}", Phi::new("Ada Lovelace")), "Phi(…)");
    }
}
