//! Images with shadow copies that Windows made, held against what two independent readers found in them.

use vssim_model::ids::Guid;
use vssim_sim::disk_format::device::Part;
use vssim_sim::disk_format::{BLOCK, ReadAt, ReadError};
use vssim_sim::image::{Copies, Findings, NeverCopied, Partition, PartitionType, Scheme, read_partitions, verify};
use vssim_tests::corpus::corpus;
use vssim_tests::images::{Image, sha256};

/// The volume of a partitioned image.
fn volume_of(image: &Image) -> Part<&Image> {
    let found = read_partitions(image).expect("the image has a GPT");
    assert_eq!((found.scheme, found.findings.len(), found.list.len()), (Scheme::Gpt, 0, 2));
    let Partition { number, offset, size, kind, is_ntfs, .. } = found.list[1];
    assert_eq!((number, offset, size, is_ntfs), (2, 34_603_008, 5_333_057_536, true));
    assert_eq!(kind, PartitionType::Gpt(guid("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")));
    Part::new(image, offset, size)
}

/// What is known of a copy.
struct Known {
    store: &'static str,
    copy: &'static str,
    set: &'static str,
    created: u64,
    attributes: u32,
    blocks: u64,
}

const PLASO: [Known; 2] = [
    Known {
        store: "600f0b69-5bdf-11e3-9d6c-005056c00008",
        copy: "4e3c03c2-7bc6-4288-ad96-c1eac1a55f71",
        set: "0a4e3901-6abb-48fc-95c2-6ab9e38e9e71",
        created: 130_305_261_097_363_787,
        attributes: 0x0042_0009,
        blocks: 480,
    },
    Known {
        store: "600f0b6d-5bdf-11e3-9d6c-005056c00008",
        copy: "18f1ac6e-959d-436f-bdcc-e797a729e290",
        set: "8438a0ee-0f06-443b-ac0c-2905647ca5d6",
        created: 130_305_262_689_190_583,
        attributes: 0x0042_0009,
        blocks: 485,
    },
];

const HOST: [Known; 1] = [Known {
    store: "bbaa7659-8204-11eb-90f4-080027768df7",
    copy: "e8e75155-2d2d-45bc-b67e-123e6f20b97d",
    set: "3cd694d8-90cb-4099-abd4-6ced9485ac1c",
    created: 132_598_898_405_147_567,
    attributes: 0x0002_001d,
    blocks: 33,
}];

const PROTECTED: [Known; 2] = [
    Known {
        store: "bbaa765b-8204-11eb-90f4-080027768df7",
        copy: "742560d9-b308-4797-b3c1-f9901d4b3663",
        set: "778c9843-fa2e-43d0-8064-7871cf0f9f2a",
        created: 132_598_898_589_998_374,
        attributes: 0x0002_001d,
        blocks: 50,
    },
    Known {
        store: "bbaa7663-8204-11eb-90f4-080027768df7",
        copy: "c051f0ba-85c0-401c-901a-d52c4c0000ea",
        set: "f08ed65e-7b09-4f16-8af3-a4eac329643f",
        created: 132_598_899_236_866_155,
        attributes: 0x0002_001d,
        blocks: 55,
    },
];

fn guid(text: &str) -> Guid {
    text.parse().expect("a GUID")
}

fn check(copies: &Copies<'_>, known: &[Known]) {
    assert_eq!(copies.list().len(), known.len());
    for (copy, known) in copies.list().iter().zip(known) {
        assert_eq!(copy.store_id(), guid(known.store));
        assert_eq!((copy.id(), copy.set()), (Some(guid(known.copy)), Some(guid(known.set))));
        assert_eq!((copy.created(), copy.attributes()), (known.created, Some(known.attributes)));
        assert_eq!(copy.blocks(), Some(known.blocks));
        assert_eq!((copy.allocated(), copy.volume_size()), (Some(320 << 20), copies.structures().size));
    }
}

fn hash(copies: &Copies<'_>, copy: usize, rule: NeverCopied) -> String {
    sha256(&copies.view(copy, rule).expect("the copy can be read"))
}

#[test]
fn copies_on_their_own_volume_are_read_by_both_rules() {
    let Some(image) = corpus().and_then(|corpus| Image::open(&corpus, "plaso_vsstest")) else {
        return;
    };
    assert_eq!(read_partitions(&image).unwrap().scheme, Scheme::Bare);
    assert_eq!(verify(&image, None), Findings::default());
    let copies = Copies::open(&image, None).unwrap();
    check(&copies, &PLASO);
    let oldest = "c8ada35c641a68447640b250f35e623b7f619aaae26bd55a06b8d4c34ebed1da";
    assert_eq!(hash(&copies, 0, NeverCopied::Zeros), oldest);
    assert_eq!(hash(&copies, 0, NeverCopied::Live), oldest);
    let zeros = "41f940d92a534dd8e940a4983d2a766bcb262373f9dc2006851e81fa3a1fa2f2";
    assert_eq!(hash(&copies, 1, NeverCopied::Zeros), zeros);
    let live = "b36b05cab3959751c9c2dbf8c5a6d1965941fb788ad337310ea494e94a0da26b";
    assert_eq!(hash(&copies, 1, NeverCopied::Live), live);
}

#[test]
fn a_volume_with_stores_of_another_one_reads_its_own() {
    let Some(image) = corpus().and_then(|corpus| Image::open(&corpus, "dfir_ntfs_vss_2_stor")) else {
        return;
    };
    let volume = volume_of(&image);
    assert_eq!(verify(&volume, None), Findings::default());
    let copies = Copies::open(&volume, None).unwrap();
    check(&copies, &HOST);
    let view = copies.view(0, NeverCopied::Live).unwrap();
    let mut text = [0; 7];
    view.read_at(0x2_8000, &mut text).unwrap();
    assert_eq!(&text, b"STORAGE");
    volume.read_at(0x2_8000, &mut text).unwrap();
    assert_eq!(&text, b"5TORAGE");
    assert_eq!(sha256(&view), "3488b04cec9ea357976a5cd03522783c1d74abe78ba6d8279555112c3625e7c7");
}

/// A device some of whose bytes are others.
struct Changed<'a> {
    device: &'a dyn ReadAt,
    changes: Vec<(u64, Vec<u8>)>,
}

impl ReadAt for Changed<'_> {
    fn size(&self) -> u64 {
        self.device.size()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.device.read_at(offset, into)?;
        for (at, bytes) in &self.changes {
            for (place, byte) in (*at..).zip(bytes) {
                if let Some(there) = place.checked_sub(offset).and_then(|by| into.get_mut(by as usize)) {
                    *there = *byte;
                }
            }
        }
        Ok(())
    }

    fn next_data(&self, offset: u64) -> Option<(u64, u64)> {
        self.device.next_data(offset)
    }
}

#[test]
fn libvshadow_takes_the_store_of_another_volume_for_that_of_this_one() {
    let Some(image) = corpus().and_then(|corpus| Image::open(&corpus, "dfir_ntfs_vss_2_stor")) else {
        return;
    };
    let volume = volume_of(&image);
    // What it makes of the catalog: the last entry of type 3 belongs to the only copy. The others are made unused here.
    let first = 0x73_0000 + 128;
    let mut own = vec![0; 16];
    volume.read_at(first + 128 + 16, &mut own).unwrap();
    let changes = vec![(first + 128, vec![1]), (first + 2 * 128, vec![1]), (first + 3 * 128 + 16, own)];
    let misread = Changed { device: &volume, changes };
    let copies = Copies::open(&misread, None).unwrap();
    assert_eq!(copies.list()[0].blocks(), Some(55));
    let found = hash(&copies, 0, NeverCopied::Zeros);
    assert_eq!(found, "f0f5aba67a39cd6f202a075d9e0b74f599fc332a7823cfe75916b416d038e966");
}

#[test]
fn a_diff_area_on_another_volume_is_read_with_both() {
    let Some(corpus) = corpus() else {
        return;
    };
    let Some((protected, host)) =
        Image::open(&corpus, "dfir_ntfs_vss_1_vol").zip(Image::open(&corpus, "dfir_ntfs_vss_2_stor"))
    else {
        return;
    };
    let volume = volume_of(&protected);
    let area = volume_of(&host);

    let alone = Copies::open(&volume, None).unwrap();
    assert_eq!(alone.missing(), Some(guid("bbaa763c-8204-11eb-90f4-080027768df7")));
    let error = alone.view(0, NeverCopied::Live).err().unwrap();
    assert!(error.why.contains("bbaa763c-8204-11eb-90f4-080027768df7"), "{error}");

    assert_eq!(verify(&volume, Some(&area)), Findings::default());
    let copies = Copies::open(&volume, Some(&area)).unwrap();
    check(&copies, &PROTECTED);
    let hashes = [
        "8f5e48ec5f5c7fe9cf23935609fb4444f5db7c39f6d9196743613fbcae4de934",
        "8f16f30d1661f6f19d7e05042a064f1c272be433ae3afdda1efbbe59ef40ffcb",
    ];
    for (copy, expected) in hashes.into_iter().enumerate() {
        let view = copies.view(copy, NeverCopied::Live).unwrap();
        let mut text = vec![0; 703_800];
        view.read_at(1837 * 4096, &mut text).unwrap();
        let digit = b'1' + copy as u8;
        assert!(text.iter().all(|byte| *byte == digit), "copy {copy} shows another text");
        volume.read_at(1837 * 4096, &mut text[..BLOCK as usize]).unwrap();
        assert!(text[..BLOCK as usize].iter().all(|byte| *byte == b'3'));
        assert_eq!(sha256(&view), expected);
    }
}
