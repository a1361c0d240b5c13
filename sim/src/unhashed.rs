//! A value that is no part of a state's identity: trace numbers, random ids, absolute times.

use std::hash::{Hash, Hasher};
use std::ops::{Deref, DerefMut};

/// Carries a value along without letting it tell two states apart: all values are equal and none is hashed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unhashed<T>(pub T);

impl<T> From<T> for Unhashed<T> {
    fn from(value: T) -> Unhashed<T> {
        Unhashed(value)
    }
}

impl<T> PartialEq for Unhashed<T> {
    fn eq(&self, _: &Unhashed<T>) -> bool {
        true
    }
}

impl<T> Eq for Unhashed<T> {}

impl<T> Hash for Unhashed<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl<T> Deref for Unhashed<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Unhashed<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
