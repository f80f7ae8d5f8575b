mod images;
mod products;
mod search;
mod versions;
