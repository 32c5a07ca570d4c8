//! The watch over a simulated cluster, and what it announces.

mod estates;
mod gate;
mod range;
mod watching;
