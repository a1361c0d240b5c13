//! Numbered places that are used again: the smallest free number is given out first.
//!
//! Numbers given out this way depend on what exists now and not on what was there before, so two states that were
//! reached on different ways still look alike.

/// A list with holes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slots<T> {
    places: Vec<Option<T>>,
}

impl<T> Default for Slots<T> {
    fn default() -> Slots<T> {
        Slots { places: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// Puts a value into the first free place and gives its number.
    pub fn insert(&mut self, value: T) -> u32 {
        let place = self.places.iter().position(Option::is_none).unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[place] = Some(value);
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// The value at a place.
    #[must_use]
    pub fn get(&self, place: u32) -> Option<&T> {
        self.places.get(place as usize)?.as_ref()
    }

    /// The value at a place, to be changed.
    pub fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.places.get_mut(place as usize)?.as_mut()
    }

    /// Empties a place. Trailing holes disappear, so that an emptied list equals a new one.
    pub fn remove(&mut self, place: u32) -> Option<T> {
        let value = self.places.get_mut(place as usize)?.take();
        while self.places.last().is_some_and(Option::is_none) {
            self.places.pop();
        }
        value
    }

    /// What is there, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.places.iter().enumerate().filter_map(|(place, value)| Some((u32::try_from(place).ok()?, value.as_ref()?)))
    }

    /// What is there, by number, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        let places = self.places.iter_mut().enumerate();
        places.filter_map(|(place, value)| Some((u32::try_from(place).ok()?, value.as_mut()?)))
    }

    /// Whether nothing is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_free_number_is_used_again() {
        let mut slots = Slots::default();
        assert_eq!((slots.insert('a'), slots.insert('b'), slots.insert('c')), (0, 1, 2));
        assert_eq!(slots.remove(1), Some('b'));
        assert_eq!(slots.insert('d'), 1);
        assert_eq!(slots.remove(1), Some('d'));
        assert_eq!(slots.remove(1), None);
    }

    #[test]
    fn an_emptied_list_equals_a_new_one() {
        let mut slots = Slots::default();
        slots.insert(1);
        slots.insert(2);
        slots.remove(0);
        slots.remove(1);
        assert_eq!(slots, Slots::default());
    }
}
