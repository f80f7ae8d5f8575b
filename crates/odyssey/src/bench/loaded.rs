//! The vendor that `match` and `search` are measured on.

use anyhow::ensure;
use odyssey_domain::ingestion::ImportMode;
use odyssey_domain::tenancy::Vendor;

use super::ground::{Admin, Ground};
use super::{Scale, customers_csv, products_csv};

/// A vendor with its catalog, its customers and an admin.
#[derive(Debug)]
pub struct Loaded {
    pub vendor: Vendor,
    pub admin: Admin,
}

/// Makes the vendor and imports both files through the real path.
pub async fn load(ground: &Ground, scale: &Scale) -> anyhow::Result<Loaded> {
    eprintln!("Loading {} products and {} customers", scale.products, scale.customers);
    let vendor = ground.make_vendor("bench").await?;
    let admin = ground.make_admin(vendor.id).await?;
    let files =
        [(ImportMode::Products, products_csv(scale)?), (ImportMode::Customers, customers_csv(scale)?)];
    for (mode, file) in files {
        let view = ground.import(vendor.id, Some(admin.user_id), mode, &file).await?;
        let created = view.import.map_or(0, |import| import.totals.created);
        ensure!(created > 0, "no row of the bench's {} was taken", mode.as_str());
    }
    Ok(Loaded { vendor, admin })
}
