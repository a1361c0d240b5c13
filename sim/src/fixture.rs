//! Small machines, for searches, benchmarks and tests.
//!
//! The machine of [`small`] has one disk, one or two volumes of a few blocks, two writers (one front end, one back end),
//! the system provider, and one requester that runs a full backup and gives up properly when something fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vssim_model::api::{ApplicationCall, AsyncCall, AsyncId, BackupComponentsCall as B, BackupType};
use vssim_model::documents::{
    ComponentSpec, ComponentType, DocumentError, FileSpec, RestoreMethodKind, SourceType, UsageType, WriterMetadata,
    WriterRestore,
};
use vssim_model::ids::{Guid, ProviderId, VolumeId, WriterClassId, WriterInstanceId};
use vssim_model::release::Release;
use vssim_model::states::{ApplicationLevel, WriterEvent};
use vssim_model::tables::Tables;
use vssim_model::time::Ticks;

use crate::actor::system_provider;
use crate::application::small_database;
use crate::disk_format::StoreInformation;
use crate::plan::{
    ApplicationPlan, ComponentOf, ComponentPlan, DiskPlan, FileSet, KernelPlan, MAX_SHADOW_COPIES, MetadataPlan, Op,
    OpenChoices, Plan, ProviderPlan, RequesterPlan, Script, Span, Template, VolumePlan, WriterPlan,
};

/// 1 January 2024, 00:00 UTC, as a FILETIME.
pub const START: u64 = 133_485_408_000_000_000;
/// The size of a small volume: 32 blocks.
const SMALL_BYTES: u64 = 32 * 16 * 1024;

/// What the store of a client-accessible shadow copy says of it, as a server names itself. The ids are made of `number`.
#[must_use]
pub fn store_information(number: u64) -> StoreInformation {
    StoreInformation {
        unknown: Guid(0xae9a_9337_0048_4ed6_9874_7150_0654_b7b3),
        snapshot: Guid(0x5000 + u128::from(number)),
        set: Guid(0x6000 + u128::from(number)),
        context: 9,
        one: 1,
        attributes: 0x0002_0009,
        operating_machine: "SRV01".to_owned(),
        service_machine: "SRV01".to_owned(),
    }
}

/// What a small machine has.
#[derive(Clone, Copy, Debug)]
pub struct Small {
    /// How many writers.
    pub writers: u16,
    /// How many volumes.
    pub volumes: u16,
    /// How many transactions its application runs; none for no application.
    pub transactions: Option<u32>,
    /// What a search may choose.
    pub open: OpenChoices,
}

/// A small machine with a full backup.
///
/// # Errors
/// None that its own names could cause.
pub fn small(what: Small) -> Result<Plan, DocumentError> {
    let writers: Result<Vec<WriterPlan>, DocumentError> = (0..what.writers).map(|index| writer(index, what)).collect();
    let application = |transactions| ApplicationPlan {
        name: "Database".into(),
        log: (0, "db.log".to_owned()),
        pages: (what.volumes.saturating_sub(1), "db.pages".to_owned()),
        database: small_database(),
        pause: Span::exactly(Ticks::from_millis(40)),
        transactions: Some(transactions),
    };
    Ok(Plan {
        name: "small".to_owned(),
        sha256: String::new(),
        release: Release::Server2022,
        computer: "SMALL".to_owned(),
        start: START,
        variables: Arc::default(),
        disks: vec![DiskPlan { name: "disk0".to_owned(), bytes: SMALL_BYTES * u64::from(what.volumes) }],
        volumes: (0..what.volumes).map(volume).collect(),
        writers: writers?,
        providers: vec![ProviderPlan {
            name: "System provider".into(),
            id: ProviderId::SYSTEM,
            system: true,
            supports: (0..what.volumes).collect(),
            handlers: system_provider(|_| Span::default()),
            answers: BTreeMap::new(),
        }],
        applications: what.transactions.map(application).into_iter().collect(),
        requesters: vec![RequesterPlan {
            name: "Backup".into(),
            starts: Ticks::ZERO,
            script: full_backup(what.writers, what.volumes),
        }],
        kernel: KernelPlan {
            open_volumes: Span::default(),
            flush: Span::exactly(Ticks::from_millis(100)),
            freeze_transactions: Span::default(),
            restart_pending: BTreeSet::new(),
            thaw_transactions: Span::default(),
            revert: Span::default(),
            broken_hold: BTreeSet::new(),
            lost_blocks: BTreeSet::new(),
            slow_growth: BTreeSet::new(),
        },
        safe_mode: false,
        max_shadow_copies: MAX_SHADOW_COPIES,
        forbidden: BTreeSet::new(),
        services: Vec::new(),
        in_use: BTreeSet::new(),
        blocking_revert: BTreeSet::new(),
        not_to_backup: Vec::new(),
        not_to_snapshot: Vec::new(),
        incidents: Vec::new(),
        defects: BTreeSet::new(),
        open: what.open,
        tables: Arc::new(Tables::documented()),
        before: None,
    })
}

fn volume(index: u16) -> VolumePlan {
    let letter = char::from(b'C' + u8::try_from(index).unwrap_or(0));
    VolumePlan {
        name: format!("{letter}:").into(),
        id: VolumeId(Guid::from_random_bits(0x1000 + u128::from(index))),
        extents: vec![(0, SMALL_BYTES * u64::from(index), SMALL_BYTES)],
        diff_area_on: index,
        diff_area_maximum: Some(SMALL_BYTES / 2),
        diff_area_growth: (4 * 16 * 1024, 4 * 16 * 1024),
        diff_area_given: true,
        ntfs: true,
        virtual_disk_on: None,
        created_elsewhere: None,
        image: None,
        files: Arc::from([("data.txt".to_owned(), 20_000)]),
        contents: Arc::default(),
    }
}

fn writer(index: u16, what: Small) -> Result<WriterPlan, DocumentError> {
    let class = WriterClassId(Guid::from_random_bits(0x2000 + u128::from(index)));
    let name = format!("Writer {}", index + 1);
    let null = WriterInstanceId::NULL;
    let mut document = WriterMetadata::build(class, null, &name, UsageType::UserData, SourceType::Other)?;
    document.set_restore_method(RestoreMethodKind::RestoreIfCanReplace, None, WriterRestore::Never, false)?;
    document.add_component(&ComponentSpec::new(ComponentType::FileGroup, "", "Data"))?;
    document.add_files_to_file_group("", "Data", &FileSpec::new("C:\\", "data.txt"))?;
    let files = Arc::from([FileSet {
        volume: 0,
        directory: String::new(),
        specification: "data.txt".to_owned(),
        recursive: false,
    }]);
    let component = ComponentPlan { database: false, files };
    let components = BTreeMap::from([((String::new(), "Data".to_owned()), component)]);
    let level = if index == 0 { ApplicationLevel::FrontEnd } else { ApplicationLevel::BackEnd };
    Ok(WriterPlan {
        name: name.into(),
        class,
        instance: None,
        level,
        freeze_timeout: Ticks::from_secs(60),
        sessions: crate::plan::SESSIONS,
        documents: vec![MetadataPlan { document: document.finish(), text: None, components: Arc::new(components) }],
        handlers: handlers(index, what),
        main: None,
        identify_ex: false,
        background: None,
    })
}

/// The first writer looks after the application; every handler may veto where the plan leaves that open.
fn handlers(index: u16, what: Small) -> BTreeMap<WriterEvent, Script> {
    let mut handlers: BTreeMap<WriterEvent, Vec<Op>> = BTreeMap::new();
    if what.open.vetoes {
        for event in [
            WriterEvent::PrepareForBackup,
            WriterEvent::PrepareForSnapshot,
            WriterEvent::Freeze,
            WriterEvent::Thaw,
            WriterEvent::PostSnapshot,
            WriterEvent::BackupComplete,
        ] {
            handlers.entry(event).or_default().push(Op::MayVeto);
        }
    }
    if index == 0 && what.transactions.is_some() {
        let order = |order| Op::Order { application: 0, order };
        handlers.entry(WriterEvent::Freeze).or_default().insert(0, order(ApplicationCall::Quiesce));
        for event in [WriterEvent::Thaw, WriterEvent::Abort] {
            handlers.entry(event).or_default().insert(0, order(ApplicationCall::Resume));
        }
    }
    handlers.into_iter().map(|(event, ops)| (event, Arc::from(ops))).collect()
}

/// The calls of a full backup, each asynchronous one waited for; after a failure AbortBackup and Release.
#[must_use]
pub fn full_backup(writers: u16, volumes: u16) -> Script {
    let call = |call| Op::Backup { call: Template::Call(call), keep: None };
    let mut ops = vec![
        call(B::CreateVssBackupComponents),
        call(B::InitializeForBackup { xml: None }),
        call(B::SetBackupState {
            select_components: true,
            bootable_system_state: false,
            backup_type: BackupType::Full,
            partial_file_support: false,
        }),
    ];
    wait_for(&mut ops, B::GatherWriterMetadata);
    ops.push(Op::Backup { call: Template::EachWriterMetadata, keep: None });
    for writer in 0..writers {
        let component = ComponentOf { writer, logical_path: String::new(), name: "Data".to_owned() };
        ops.push(Op::Backup { call: Template::AddComponent(component), keep: None });
    }
    ops.push(call(B::StartSnapshotSet));
    ops.push(Op::IfFailed(u16::MAX));
    for index in 0..volumes {
        let volume = format!("{}\\", self::volume(index).name);
        ops.push(call(B::IsVolumeSupported { provider: ProviderId::NULL, volume: volume.clone() }));
        ops.push(call(B::AddToSnapshotSet { volume, provider: ProviderId::NULL }));
        ops.push(Op::IfFailed(u16::MAX));
    }
    for step in [B::PrepareForBackup, B::DoSnapshotSet] {
        wait_for(&mut ops, step);
        ops.push(Op::IfFailed(u16::MAX));
        status(&mut ops);
        ops.push(Op::IfWriterFailed(u16::MAX));
    }
    ops.push(Op::CopyFiles);
    for writer in 0..writers {
        let component = ComponentOf { writer, logical_path: String::new(), name: "Data".to_owned() };
        ops.push(Op::Backup { call: Template::SetBackupSucceeded(component, true), keep: None });
    }
    wait_for(&mut ops, B::BackupComplete);
    status(&mut ops);
    ops.push(call(B::SaveAsXML));
    let release = u16::try_from(ops.len() + 2).unwrap_or(u16::MAX);
    ops.push(Op::Jump(release));
    let abort = u16::try_from(ops.len()).unwrap_or(u16::MAX);
    ops.push(call(B::AbortBackup));
    ops.push(call(B::Release));
    for op in &mut ops {
        if let Op::IfFailed(target) | Op::IfWriterFailed(target) = op {
            *target = abort;
        }
    }
    ops.into()
}

fn wait_for(ops: &mut Vec<Op>, call: B) {
    let operation = AsyncId(0);
    ops.push(Op::Backup { call: Template::Call(call), keep: Some(0) });
    ops.push(Op::Async { kept: 0, call: AsyncCall::Wait { operation, milliseconds: None } });
    ops.push(Op::Async { kept: 0, call: AsyncCall::QueryStatus { operation } });
}

fn status(ops: &mut Vec<Op>) {
    wait_for(ops, B::GatherWriterStatus);
    ops.push(Op::Backup { call: Template::EachWriterStatus, keep: None });
    ops.push(Op::Backup { call: Template::Call(B::FreeWriterStatus), keep: None });
}
