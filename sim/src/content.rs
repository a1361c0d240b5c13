//! Bytes that follow from a seed: the content of files that a scenario describes, the same wherever it is asked for.

/// A word of the content.
fn word(seed: u64, index: u64) -> u64 {
    let mut bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(index.wrapping_mul(0xd1b5_4a32_d192_ed03));
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// Fills `into` with the content of a seed from `offset` on.
pub fn fill(seed: u64, offset: u64, into: &mut [u8]) {
    let mut rest = into;
    let mut at = offset;
    while !rest.is_empty() {
        let bytes = word(seed, at / 8).to_le_bytes();
        let from = bytes.get((at % 8) as usize..).unwrap_or_default();
        let length = from.len().min(rest.len());
        let (now, later) = rest.split_at_mut(length);
        now.copy_from_slice(from.get(..length).unwrap_or_default());
        at += length as u64;
        rest = later;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_the_same_as_in_the_whole_and_seeds_differ() {
        let content = |seed, offset, length| {
            let mut bytes = vec![0; length];
            fill(seed, offset, &mut bytes);
            bytes
        };
        let whole = content(7, 0, 100);
        for offset in 0..20 {
            assert_eq!(content(7, offset as u64, 31), whole[offset..offset + 31]);
        }
        assert_ne!(content(8, 0, 100), whole);
    }
}
