//! Scripted bytes, whole, cut and damaged.

mod copy;
mod damage;
mod login;
mod pipeline;
mod script;
