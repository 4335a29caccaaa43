//! aya-dcs
