mod products;
mod search;
mod versions;
