//! The one integration binary: real PostgreSQL, the real router.

mod db;
