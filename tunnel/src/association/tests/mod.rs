//! One side alone, event by event; and two whole endpoints over a network that loses, repeats and reorders.

mod arbitrary;
mod certificates;
mod closing;
mod network;
mod node;
mod opening;
mod puppet;
mod real;
mod rekey;
mod restart;
mod script;
mod silence;
mod size;
mod table;
