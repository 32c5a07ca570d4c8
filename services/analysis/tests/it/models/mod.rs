//! Models behind the engines, against a stand-in that speaks their dialects.

mod budgets;
mod dialects;
mod fence;
mod role;
mod stage;
