//! CSV files as source and target.
