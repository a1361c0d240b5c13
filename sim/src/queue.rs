//! The event queue: events ordered by (moment, class, insertion number).
//!
//! Events of one moment and one class are simultaneous: which of them comes first is a choice of the run. The insertion
//! number only gives the possibilities a stable order.

use std::hash::{Hash, Hasher};

use vssim_model::time::Ticks;

/// Among events of one moment the lower class comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The kernel finished something: storage is settled before anybody acts on it.
    Kernel,
    /// Calls, events, returns.
    Message,
    /// A limit ran out: it counts only if what it guards did not happen at that very moment.
    Limit,
    /// Application load: it goes on when the protocol has nothing to do at this moment.
    Load,
}

/// An event that waits in the queue.
#[derive(Clone, Debug)]
pub struct Entry<E> {
    /// When it is due.
    pub at: Ticks,
    /// Its class.
    pub class: Class,
    /// How many entries were made before it.
    pub sequence: u64,
    /// The record that led to it.
    pub cause: u64,
    /// The event.
    pub event: E,
}

/// The queue. Kept sorted, the next event last, so that taking it is cheap and a clone is one copy.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    entries: Vec<Entry<E>>,
    inserted: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Queue<E> {
        Queue { entries: Vec::new(), inserted: 0 }
    }
}

impl<E> Queue<E> {
    /// Adds an event.
    pub fn push(&mut self, at: Ticks, class: Class, cause: u64, event: E) {
        let sequence = self.inserted;
        self.inserted += 1;
        let place =
            self.entries.partition_point(|entry| (entry.at, entry.class, entry.sequence) > (at, class, sequence));
        self.entries.insert(place, Entry { at, class, sequence, cause, event });
    }

    /// How many events are simultaneous with the next one, itself included; 0 when the queue is empty.
    #[must_use]
    pub fn simultaneous(&self) -> u32 {
        let Some(next) = self.entries.last() else { return 0 };
        let (at, class) = (next.at, next.class);
        let count = self.entries.iter().rev().take_while(|entry| (entry.at, entry.class) == (at, class)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Takes the `nth` of the simultaneous events, counted from 0 in the order of their insertion.
    pub fn take(&mut self, nth: u32) -> Option<Entry<E>> {
        let place = self.entries.len().checked_sub(1 + nth as usize)?;
        Some(self.entries.remove(place))
    }

    /// Drops every event that does not fulfil the condition.
    pub fn retain(&mut self, keep: impl Fn(&E) -> bool) {
        self.entries.retain(|entry| keep(&entry.event));
    }

    /// All events, the next one first.
    pub fn iter(&self) -> impl Iterator<Item = &Entry<E>> {
        self.entries.iter().rev()
    }

    /// When the next event is due.
    #[must_use]
    pub fn next_at(&self) -> Option<Ticks> {
        self.entries.last().map(|entry| entry.at)
    }
}

impl<E: Hash> Queue<E> {
    /// Hashes what decides the future: the events with the time that is left to them, in order.
    pub fn hash_relative<H: Hasher>(&self, now: Ticks, state: &mut H) {
        for entry in self.iter() {
            (entry.at - now).hash(state);
            entry.class.hash(state);
            entry.event.hash(state);
        }
        self.entries.len().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_moment_then_class_then_insertion() {
        let mut queue = Queue::default();
        queue.push(Ticks(5), Class::Message, 0, "late");
        queue.push(Ticks(1), Class::Limit, 0, "limit");
        queue.push(Ticks(1), Class::Message, 0, "first");
        queue.push(Ticks(1), Class::Message, 0, "second");
        queue.push(Ticks(1), Class::Kernel, 0, "kernel");
        let order: Vec<&str> = std::iter::from_fn(|| queue.take(0)).map(|entry| entry.event).collect();
        assert_eq!(order, ["kernel", "first", "second", "limit", "late"]);
    }

    #[test]
    fn only_events_of_one_moment_and_class_are_simultaneous() {
        let mut queue = Queue::default();
        queue.push(Ticks(1), Class::Message, 0, "a");
        queue.push(Ticks(1), Class::Message, 0, "b");
        queue.push(Ticks(1), Class::Limit, 0, "c");
        assert_eq!(queue.simultaneous(), 2);
        assert_eq!(queue.take(1).map(|entry| entry.event), Some("b"));
        assert_eq!(queue.simultaneous(), 1);
        assert_eq!(Queue::<u8>::default().simultaneous(), 0);
    }

    #[test]
    fn the_identity_of_a_queue_leaves_out_absolute_time_and_insertion() {
        let digest = |queue: &Queue<u8>, now| {
            let mut hasher = xxhash_rust::xxh3::Xxh3::new();
            queue.hash_relative(now, &mut hasher);
            hasher.digest()
        };
        let mut early = Queue::default();
        early.push(Ticks(7), Class::Message, 3, 1);
        let mut late = Queue::default();
        late.push(Ticks(1), Class::Message, 0, 9);
        late.take(0);
        late.push(Ticks(107), Class::Message, 4, 1);
        assert_eq!(digest(&early, Ticks(5)), digest(&late, Ticks(105)));
        assert_ne!(digest(&early, Ticks(5)), digest(&late, Ticks(104)));
    }
}
