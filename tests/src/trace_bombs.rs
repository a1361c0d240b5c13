//! Traces that are read quickly and made to be judged slowly.

use vssim_model::trace_codec;

use crate::samples;

/// Writes records one after the other; each call returns at once.
struct Lines {
    text: String,
    records: usize,
    calls: usize,
}

impl Lines {
    fn new() -> Lines {
        let mut header = samples::header();
        header.actors.retain(|actor| matches!(actor.role, vssim_model::trace::Role::Service));
        let requester =
            |name: &str| vssim_model::trace::Actor { name: name.into(), role: vssim_model::trace::Role::Requester };
        header.actors.extend([requester("Backup"), requester("Other")]);
        Lines { text: trace_codec::header_line(&header), records: 0, calls: 0 }
    }

    fn record(&mut self, actor: &str, what: &str) {
        self.records += 1;
        let (n, cause) = (self.records, self.records - 1);
        let cause = if cause > 0 { format!(",\"cause\":{cause}") } else { String::new() };
        self.text += &format!("{{\"n\":{n},\"t\":0,\"actor\":\"{actor}\",\"what\":{what}{cause}}}\n");
    }

    /// A call on a backup components object, 0 for none, and what it hands out.
    fn call(&mut self, object: usize, call: &str, out: &str) {
        self.calls += 1;
        let id = self.calls;
        let object = if object > 0 { format!("\"object\":{object},") } else { String::new() };
        self.record("Backup", &format!("{{\"call\":{{\"id\":{id},{object}\"call\":{call}}}}}"));
        let out = if out.is_empty() { String::new() } else { format!(",\"out\":{out}") };
        self.record("Backup", &format!("{{\"return\":{{\"id\":{id},\"hresult\":\"S_OK\"{out}}}}}"));
    }

    /// An express writer that is registered; `object` numbers what the calls are made on.
    fn registered(&mut self, object: usize, class: usize) {
        let class = format!("{{00000000-0000-0000-0000-{class:012x}}}");
        self.call(
            0,
            r#"{"Method":{"method":"CreateVssExpressWriter"}}"#,
            &format!("{{\"Values\":{{\"ppWriter\":{{\"object\":{object}}}}}}}"),
        );
        let on = format!("\"on\":{{\"object\":{object}}}");
        let create = "IVssExpressWriter::CreateMetadata";
        self.call(
            0,
            &format!("{{\"Method\":{{\"method\":\"{create}\",{on},\"arguments\":{{\"writerId\":\"{class}\"}}}}}}"),
            "",
        );
        self.call(0, &format!("{{\"Method\":{{\"method\":\"IVssExpressWriter::Register\",{on}}}}}"), "");
    }

    fn unregistered(&mut self, object: usize, class: usize) {
        let class = format!("{{00000000-0000-0000-0000-{class:012x}}}");
        let arguments = format!("\"on\":{{\"object\":{object}}},\"arguments\":{{\"writerId\":\"{class}\"}}");
        self.call(0, &format!("{{\"Method\":{{\"method\":\"IVssExpressWriter::Unregister\",{arguments}}}}}"), "");
    }

    /// An object that gathers metadata and is told that there is none.
    fn gathered(&mut self, object: usize) {
        self.call(0, r#"{"IVssBackupComponents":"CreateVssBackupComponents"}"#, &format!("{{\"Object\":{object}}}"));
        self.call(object, r#"{"IVssBackupComponents":"GatherWriterMetadata"}"#, &format!("{{\"Async\":{object}}}"));
        let end = format!("{{\"async_end\":{{\"operation\":{object},\"hresult\":\"VSS_S_ASYNC_FINISHED\"}}}}");
        self.record("Backup", &end);
        self.call(object, r#"{"IVssBackupComponents":"GetWriterMetadataCount"}"#, "{\"Count\":0}");
    }
}

/// So many backup components objects, each of which ought to list as many express writers.
#[must_use]
pub fn express_writers(count: usize) -> Vec<u8> {
    let mut lines = Lines::new();
    (1..=count).for_each(|n| lines.registered(n, n));
    (1..=count).for_each(|n| lines.gathered(n));
    lines.text.into_bytes()
}

/// One express writer that is registered and unregistered so many times, between objects that gather metadata.
#[must_use]
pub fn registrations(count: usize) -> Vec<u8> {
    let mut lines = Lines::new();
    for n in 1..=count {
        lines.registered(n, 1);
        lines.gathered(n);
    }
    (1..=count).for_each(|n| lines.unregistered(n, 1));
    lines.text.into_bytes()
}

/// So many ends of a process, each with an event that does not say whose it is.
#[must_use]
pub fn deaths(count: usize) -> Vec<u8> {
    let mut lines = Lines::new();
    let event = |id: usize, what: &str| format!("{{\"event\":{{\"id\":{id},\"event\":{what}}}}}");
    (1..=count).for_each(|n| lines.gathered(n));
    for n in 1..=count {
        lines.record("Other", &event(2 * n, &format!("\"PrepareForBackup\",\"object\":{n}")));
        lines.record("Other", "{\"process\":\"crashed\"}");
        lines.record("Other", &event(2 * n + 1, "\"BackupShutdown\""));
    }
    lines.text.into_bytes()
}
