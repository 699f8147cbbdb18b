//! A simulated rush as a picture.
