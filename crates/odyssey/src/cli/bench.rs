//! `odyssey bench`: measures beside a yardstick and writes down what came out.

use std::path::PathBuf;

use clap::Args;
use odyssey_types::VendorId;

use crate::bench::{self, BenchName, Scale};
use crate::config::Settings;

#[derive(Debug, Args)]
pub struct BenchArgs {
    /// What to measure; `all` leaves out `load`, whose file of 2,000,000 rows wants 40 GB of disk.
    pub name: BenchName,
    /// Products of the vendor.
    #[arg(long, default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(1_000..=5_000_000))]
    pub products: u64,
    /// Customers of the vendor; the first ten are those of the demo.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(10..=1_000_000))]
    pub customers: u64,
    /// Rounds of yardstick and product in turn; medians need five.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(5..=100))]
    pub rounds: u32,
    /// Folder that `<name>.md` is written to.
    #[arg(long, value_name = "DIR", default_value = "docs/benchmarks")]
    pub out: PathBuf,
    /// Only loads the saved catalog of this vendor and prints what it takes: a process of its own, asked by
    /// `match`.
    #[arg(long, hide = true, requires = "resident_dir")]
    pub resident_of: Option<VendorId>,
    /// Folder of saved catalogs.
    #[arg(long, hide = true)]
    pub resident_dir: Option<PathBuf>,
}

pub async fn run(args: &BenchArgs, settings: &Settings) -> anyhow::Result<()> {
    if let (Some(vendor_id), Some(dir)) = (args.resident_of, &args.resident_dir) {
        return bench::print_resident(dir, vendor_id);
    }
    let scale = Scale { products: args.products, customers: args.customers, rounds: args.rounds };
    bench::run(settings, args.name, &scale, &args.out).await
}
