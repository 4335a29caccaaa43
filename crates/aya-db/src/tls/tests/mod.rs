//! Handshakes with a scripted server and with a real PostgreSQL.

mod authority;
mod client_certificate;
mod handover;
mod live;
mod matrix;
mod peer;
mod request;
