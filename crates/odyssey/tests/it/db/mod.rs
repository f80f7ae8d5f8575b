mod leaked_transactions;
mod leaves;
mod policies;
