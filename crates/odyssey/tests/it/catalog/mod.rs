mod products;
mod search;
