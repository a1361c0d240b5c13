//! The tables as pictures and as text.
