//! The vocabulary of the Volume Shadow Copy Service (VSS).
//!
//! Pure and total: nothing here does I/O, reads a clock or draws a random number, and nothing knows the simulator.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ids`] | `VSS_ID`s as newtypes |
//! | [`time`] | virtual time in ticks of 100 ns |
//! | [`hresult`] | every documented return code |
//! | [`documents`] | the Writer Metadata Document and the Backup Components Document |
//! | [`states`] | `VSS_WS_*`, `VSS_SS_*`, application levels |
//! | [`tables`] | the state machines of writer, provider, requester and shadow copy, as tables |
//! | [`api`] | calls of the documented methods as values |
//! | [`catalogue`] | every documented method with its parameters and codes |
//! | [`context`] | shadow copy contexts and attributes, and which of them a requester may set |
//! | [`component`] | components of a writer, and which of them a backup includes |
//! | [`selection`] | what a backup has to include over all writers: dependencies, their cycles, system state |
//! | [`file_spec`] | file sets: paths with variables, file specifications with wildcards |
//! | [`excluded`] | entries of FilesNotToBackup and FilesNotToSnapshot |
//! | [`volume_name`] | names of volumes and of shadow copy devices |
//! | [`event_log`] | what Windows writes into its event logs |
//! | [`requirements`] | the ids of the catalogue of requirements |
//! | [`release`] | releases of Windows, and what changed between them |
//! | [`trace`] | the trace record, format 1 |
//! | [`trace_codec`] | the trace as JSON lines |

pub mod api;
pub mod catalogue;
pub mod component;
pub mod context;
#[cfg(test)]
mod corpus;
pub mod documents;
pub mod event_log;
pub mod excluded;
pub mod file_spec;
pub mod hresult;
pub mod ids;
pub mod release;
pub mod requirements;
pub mod selection;
pub mod states;
pub mod tables;
pub mod text;
pub mod time;
pub mod trace;
pub mod trace_codec;
pub mod volume_name;
