//! IVssBackupComponents, without its successors.

use super::{Interface, Kind, asynchronous, input, method, output};

/// `IVssBackupComponents`.
pub(super) const IVSSBACKUPCOMPONENTS: Interface = Interface {
    name: "IVssBackupComponents",
    kind: Kind::Interface,
    methods: &[
        method(
            "AbortBackup",
            "nf-vsbackup-ivssbackupcomponents-abortbackup.md",
            &[],
            "S_OK E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_UNEXPECTED",
        ),
        method(
            "AddAlternativeLocationMapping",
            "nf-vsbackup-ivssbackupcomponents-addalternativelocationmapping.md",
            &[
                input("writerId", "VSS_ID"),
                input("componentType", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("wszPath", "LPCWSTR"),
                input("wszFilespec", "LPCWSTR"),
                input("bRecursive", "bool"),
                input("wszDestination", "LPCWSTR"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_INVALID_XML_DOCUMENT \
                VSS_E_OBJECT_NOT_FOUND VSS_E_UNEXPECTED",
        ),
        method(
            "AddComponent",
            "nf-vsbackup-ivssbackupcomponents-addcomponent.md",
            &[
                input("instanceId", "VSS_ID"),
                input("writerId", "VSS_ID"),
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_INVALID_XML_DOCUMENT \
                VSS_E_OBJECT_ALREADY_EXISTS VSS_E_UNEXPECTED",
        ),
        method(
            "AddNewTarget",
            "nf-vsbackup-ivssbackupcomponents-addnewtarget.md",
            &[
                input("writerId", "VSS_ID"),
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("wszPath", "LPCWSTR"),
                input("wszFileName", "LPCWSTR"),
                input("bRecursive", "bool"),
                input("wszAlternatePath", "LPCWSTR").optional(),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_INVALID_XML_DOCUMENT \
                VSS_E_OBJECT_NOT_FOUND VSS_E_UNEXPECTED",
        ),
        method(
            "AddRestoreSubcomponent",
            "nf-vsbackup-ivssbackupcomponents-addrestoresubcomponent.md",
            &[
                input("writerId", "VSS_ID"),
                input("componentType", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("wszSubComponentLogicalPath", "LPCWSTR"),
                input("wszSubComponentName", "LPCWSTR"),
                input("bRepair", "bool"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_INVALID_XML_DOCUMENT \
                VSS_E_OBJECT_NOT_FOUND VSS_E_UNEXPECTED",
        ),
        method(
            "AddToSnapshotSet",
            "nf-vsbackup-ivssbackupcomponents-addtosnapshotset.md",
            &[input("pwszVolumeName", "VSS_PWSZ"), input("ProviderId", "VSS_ID"), output("pidSnapshot", "VSS_ID*")],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE \
                VSS_E_MAXIMUM_NUMBER_OF_VOLUMES_REACHED VSS_E_MAXIMUM_NUMBER_OF_SNAPSHOTS_REACHED \
                VSS_E_NESTED_VOLUME_LIMIT VSS_E_OBJECT_NOT_FOUND VSS_E_PROVIDER_NOT_REGISTERED \
                VSS_E_PROVIDER_VETO VSS_E_SNAPSHOT_SET_IN_PROGRESS VSS_E_VOLUME_NOT_SUPPORTED \
                VSS_E_VOLUME_NOT_SUPPORTED_BY_PROVIDER VSS_E_UNEXPECTED VSS_E_UNEXPECTED_PROVIDER_ERROR",
        ),
        asynchronous(
            "BackupComplete",
            "nf-vsbackup-ivssbackupcomponents-backupcomplete.md",
            &[output("ppAsync", "IVssAsync**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_UNEXPECTED \
                VSS_E_UNEXPECTED_WRITER_ERROR",
        ),
        method(
            "BreakSnapshotSet",
            "nf-vsbackup-ivssbackupcomponents-breaksnapshotset.md",
            &[input("SnapshotSetId", "VSS_ID")],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_OBJECT_NOT_FOUND \
                VSS_E_PROVIDER_VETO VSS_E_UNEXPECTED",
        ),
        method(
            "DeleteSnapshots",
            "nf-vsbackup-ivssbackupcomponents-deletesnapshots.md",
            &[
                input("SourceObjectId", "VSS_ID"),
                input("eSourceObjectType", "VSS_OBJECT_TYPE"),
                input("bForceDelete", "BOOL"),
                output("plDeletedSnapshots", "LONG*"),
                output("pNondeletedSnapshotID", "VSS_ID*"),
            ],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_UNEXPECTED VSS_E_OBJECT_NOT_FOUND \
                VSS_E_PROVIDER_VETO VSS_E_UNEXPECTED_PROVIDER_ERROR",
        ),
        method(
            "DisableWriterClasses",
            "nf-vsbackup-ivssbackupcomponents-disablewriterclasses.md",
            &[input("rgWriterClassId", "const VSS_ID*"), input("cClassId", "UINT")],
            "S_OK E_ACCESSDENIED E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_UNEXPECTED",
        ),
        method(
            "DisableWriterInstances",
            "nf-vsbackup-ivssbackupcomponents-disablewriterinstances.md",
            &[input("rgWriterInstanceId", "const VSS_ID*"), input("cInstanceId", "UINT")],
            "S_OK E_ACCESSDENIED E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_UNEXPECTED",
        ),
        asynchronous(
            "DoSnapshotSet",
            "nf-vsbackup-ivssbackupcomponents-dosnapshotset.md",
            &[output("ppAsync", "IVssAsync**")],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE \
                VSS_E_INSUFFICIENT_STORAGE VSS_E_FLUSH_WRITES_TIMEOUT VSS_E_HOLD_WRITES_TIMEOUT \
                VSS_E_NESTED_VOLUME_LIMIT VSS_E_PROVIDER_VETO VSS_E_REBOOT_REQUIRED \
                VSS_E_TRANSACTION_FREEZE_TIMEOUT VSS_E_TRANSACTION_THAW_TIMEOUT VSS_E_UNEXPECTED \
                VSS_E_UNEXPECTED_PROVIDER_ERROR",
        ),
        method(
            "EnableWriterClasses",
            "nf-vsbackup-ivssbackupcomponents-enablewriterclasses.md",
            &[input("rgWriterClassId", "const VSS_ID*"), input("cClassId", "UINT")],
            "S_OK E_ACCESSDENIED E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_UNEXPECTED",
        ),
        method(
            "ExposeSnapshot",
            "nf-vsbackup-ivssbackupcomponents-exposesnapshot.md",
            &[
                input("SnapshotId", "VSS_ID"),
                input("wszPathFromRoot", "VSS_PWSZ").optional(),
                input("lAttributes", "LONG"),
                input("wszExpose", "VSS_PWSZ").optional(),
                output("pwszExposed", "VSS_PWSZ*"),
            ],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND \
                VSS_E_PROVIDER_VETO VSS_E_UNEXPECTED VSS_E_UNEXPECTED_PROVIDER_ERROR",
        ),
        method(
            "FreeWriterMetadata",
            "nf-vsbackup-ivssbackupcomponents-freewritermetadata.md",
            &[],
            "S_OK VSS_E_BAD_STATE",
        ),
        method(
            "FreeWriterStatus",
            "nf-vsbackup-ivssbackupcomponents-freewriterstatus.md",
            &[],
            "S_OK E_OUTOFMEMORY VSS_E_BAD_STATE",
        ),
        asynchronous(
            "GatherWriterMetadata",
            "nf-vsbackup-ivssbackupcomponents-gatherwritermetadata.md",
            &[output("ppAsync", "IVssAsync**")],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE \
                VSS_E_WRITER_INFRASTRUCTURE VSS_E_UNEXPECTED",
        ),
        asynchronous(
            "GatherWriterStatus",
            "nf-vsbackup-ivssbackupcomponents-gatherwriterstatus.md",
            &[output("ppAsync", "IVssAsync**")],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_UNEXPECTED \
                VSS_E_WRITER_INFRASTRUCTURE",
        ),
        method(
            "GetSnapshotProperties",
            "nf-vsbackup-ivssbackupcomponents-getsnapshotproperties.md",
            &[input("SnapshotId", "VSS_ID"), output("pProp", "VSS_SNAPSHOT_PROP*")],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND \
                VSS_E_PROVIDER_VETO VSS_E_UNEXPECTED VSS_E_UNEXPECTED_PROVIDER_ERROR",
        ),
        method(
            "GetWriterComponents",
            "nf-vsbackup-ivssbackupcomponents-getwritercomponents.md",
            &[input("iWriter", "UINT"), output("ppWriter", "IVssWriterComponentsExt**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND VSS_E_UNEXPECTED",
        ),
        method(
            "GetWriterComponentsCount",
            "nf-vsbackup-ivssbackupcomponents-getwritercomponentscount.md",
            &[output("pcComponents", "UINT*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_UNEXPECTED",
        ),
        method(
            "GetWriterMetadata",
            "nf-vsbackup-ivssbackupcomponents-getwritermetadata.md",
            &[
                input("iWriter", "UINT"),
                output("pidInstance", "VSS_ID*"),
                output("ppMetadata", "IVssExamineWriterMetadata**"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_INVALID_XML_DOCUMENT \
                VSS_E_OBJECT_NOT_FOUND VSS_E_UNEXPECTED",
        ),
        method(
            "GetWriterMetadataCount",
            "nf-vsbackup-ivssbackupcomponents-getwritermetadatacount.md",
            &[output("pcWriters", "UINT*")],
            "S_OK E_INVALIDARG VSS_E_BAD_STATE VSS_E_UNEXPECTED",
        ),
        method(
            "GetWriterStatus",
            "nf-vsbackup-ivssbackupcomponents-getwriterstatus.md",
            &[
                input("iWriter", "UINT"),
                output("pidInstance", "VSS_ID*"),
                output("pidWriter", "VSS_ID*"),
                output("pbstrWriter", "BSTR*"),
                output("pnStatus", "VSS_WRITER_STATE*"),
                output("phResultFailure", "HRESULT*"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND VSS_E_UNEXPECTED",
        ),
        method(
            "GetWriterStatusCount",
            "nf-vsbackup-ivssbackupcomponents-getwriterstatuscount.md",
            &[output("pcWriters", "UINT*")],
            "S_OK E_INVALIDARG VSS_E_BAD_STATE VSS_E_UNEXPECTED",
        ),
        asynchronous(
            "ImportSnapshots",
            "nf-vsbackup-ivssbackupcomponents-importsnapshots.md",
            &[output("ppAsync", "IVssAsync**")],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_UNEXPECTED",
        ),
        method(
            "InitializeForBackup",
            "nf-vsbackup-ivssbackupcomponents-initializeforbackup.md",
            &[input("bstrXML", "BSTR").optional()],
            "S_OK E_ACCESSDENIED E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_INVALID_XML_DOCUMENT \
                VSS_E_UNEXPECTED",
        ),
        method(
            "InitializeForRestore",
            "nf-vsbackup-ivssbackupcomponents-initializeforrestore.md",
            &[input("bstrXML", "BSTR")],
            "S_OK E_ACCESSDENIED E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_INVALID_XML_DOCUMENT \
                VSS_E_UNEXPECTED",
        ),
        method(
            "IsVolumeSupported",
            "nf-vsbackup-ivssbackupcomponents-isvolumesupported.md",
            &[
                input("ProviderId", "VSS_ID"),
                input("pwszVolumeName", "VSS_PWSZ"),
                output("pbSupportedByThisProvider", "BOOL*"),
            ],
            "S_OK E_ACCESSDENIED VSS_E_NESTED_VOLUME_LIMIT E_OUTOFMEMORY VSS_E_BAD_STATE \
                VSS_E_OBJECT_NOT_FOUND VSS_E_UNEXPECTED",
        ),
        asynchronous(
            "PostRestore",
            "nf-vsbackup-ivssbackupcomponents-postrestore.md",
            &[output("ppAsync", "IVssAsync**")],
            "S_OK E_ACCESSDENIED E_OUTOFMEMORY E_INVALIDARG VSS_E_BAD_STATE VSS_E_PROVIDER_VETO \
                VSS_E_OBJECT_NOT_FOUND VSS_E_UNEXPECTED",
        ),
        asynchronous(
            "PrepareForBackup",
            "nf-vsbackup-ivssbackupcomponents-prepareforbackup.md",
            &[output("ppAsync", "IVssAsync**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_UNEXPECTED",
        ),
        asynchronous(
            "PreRestore",
            "nf-vsbackup-ivssbackupcomponents-prerestore.md",
            &[output("ppAsync", "IVssAsync**")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_UNEXPECTED",
        ),
        method(
            "Query",
            "nf-vsbackup-ivssbackupcomponents-query.md",
            &[
                input("QueriedObjectId", "VSS_ID"),
                input("eQueriedObjectType", "VSS_OBJECT_TYPE"),
                input("eReturnedObjectsType", "VSS_OBJECT_TYPE"),
                output("ppEnum", "IVssEnumObject**"),
            ],
            "S_OK E_ACCESSDENIED E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND \
                VSS_E_PROVIDER_VETO VSS_E_UNEXPECTED VSS_E_UNEXPECTED_PROVIDER_ERROR",
        ),
        asynchronous(
            "QueryRevertStatus",
            "nf-vsbackup-ivssbackupcomponents-queryrevertstatus.md",
            &[input("pwszVolume", "VSS_PWSZ"), output("ppAsync", "IVssAsync**")],
            "S_OK E_ACCESSDENIED E_FAIL E_INVALIDARG E_NOTIMPL E_OUTOFMEMORY E_POINTER \
                VSS_E_OBJECT_NOT_FOUND VSS_E_VOLUME_NOT_SUPPORTED",
        ),
        method(
            "RevertToSnapshot",
            "nf-vsbackup-ivssbackupcomponents-reverttosnapshot.md",
            &[input("SnapshotId", "VSS_ID"), input("bForceDismount", "BOOL")],
            "S_OK E_ACCESSDENIED E_FAIL E_INVALIDARG E_NOTIMPL E_OUTOFMEMORY VSS_E_OBJECT_NOT_FOUND \
                VSS_E_PROVIDER_NOT_REGISTERED VSS_E_REVERT_IN_PROGRESS VSS_E_UNSUPPORTED_CONTEXT \
                VSS_E_VOLUME_IN_USE VSS_E_VOLUME_NOT_SUPPORTED",
        ),
        method(
            "SaveAsXML",
            "nf-vsbackup-ivssbackupcomponents-saveasxml.md",
            &[output("pbstrXML", "BSTR*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_UNEXPECTED",
        ),
        method(
            "SetAdditionalRestores",
            "nf-vsbackup-ivssbackupcomponents-setadditionalrestores.md",
            &[
                input("writerId", "VSS_ID"),
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("bAdditionalRestores", "bool"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND \
                VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "SetBackupOptions",
            "nf-vsbackup-ivssbackupcomponents-setbackupoptions.md",
            &[
                input("writerId", "VSS_ID"),
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("wszBackupOptions", "LPCWSTR"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND \
                VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "SetBackupState",
            "nf-vsbackup-ivssbackupcomponents-setbackupstate.md",
            &[
                input("bSelectComponents", "bool"),
                input("bBackupBootableSystemState", "bool"),
                input("backupType", "VSS_BACKUP_TYPE"),
                input("bPartialFileSupport", "bool"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "SetBackupSucceeded",
            "nf-vsbackup-ivssbackupcomponents-setbackupsucceeded.md",
            &[
                input("instanceId", "VSS_ID"),
                input("writerId", "VSS_ID"),
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("bSucceded", "bool"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND \
                VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "SetContext",
            "nf-vsbackup-ivssbackupcomponents-setcontext.md",
            &[input("lContext", "LONG")],
            "S_OK E_INVALIDARG VSS_E_BAD_STATE VSS_E_UNEXPECTED E_NOTIMPL",
        ),
        method(
            "SetFileRestoreStatus",
            "nf-vsbackup-ivssbackupcomponents-setfilerestorestatus.md",
            &[
                input("writerId", "VSS_ID"),
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("status", "VSS_FILE_RESTORE_STATUS"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND \
                VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "SetPreviousBackupStamp",
            "nf-vsbackup-ivssbackupcomponents-setpreviousbackupstamp.md",
            &[
                input("writerId", "VSS_ID"),
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("wszPreviousBackupStamp", "LPCWSTR"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND \
                VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "SetRangesFilePath",
            "nf-vsbackup-ivssbackupcomponents-setrangesfilepath.md",
            &[
                input("writerId", "VSS_ID"),
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("iPartialFile", "UINT"),
                input("wszRangesFile", "LPCWSTR"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND \
                VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "SetRestoreOptions",
            "nf-vsbackup-ivssbackupcomponents-setrestoreoptions.md",
            &[
                input("writerId", "VSS_ID"),
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("wszRestoreOptions", "LPCWSTR"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND \
                VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "SetRestoreState",
            "nf-vsbackup-ivssbackupcomponents-setrestorestate.md",
            &[input("restoreType", "VSS_RESTORE_TYPE")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "SetSelectedForRestore",
            "nf-vsbackup-ivssbackupcomponents-setselectedforrestore.md",
            &[
                input("writerId", "VSS_ID"),
                input("ct", "VSS_COMPONENT_TYPE"),
                input("wszLogicalPath", "LPCWSTR").optional(),
                input("wszComponentName", "LPCWSTR"),
                input("bSelectedForRestore", "bool"),
            ],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_OBJECT_NOT_FOUND \
                VSS_E_INVALID_XML_DOCUMENT VSS_E_UNEXPECTED",
        ),
        method(
            "StartSnapshotSet",
            "nf-vsbackup-ivssbackupcomponents-startsnapshotset.md",
            &[output("pSnapshotSetId", "VSS_ID*")],
            "S_OK E_INVALIDARG E_OUTOFMEMORY VSS_E_BAD_STATE VSS_E_SNAPSHOT_SET_IN_PROGRESS \
                VSS_E_UNEXPECTED",
        ),
    ],
};
