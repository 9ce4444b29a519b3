//! Who asks at a port, and what there is to tell.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use super::names::{Answer, Kind, View};
use super::throttle::{Throttle, Turn};

/// The VM behind a port. Its sockets stay when what there is to tell changes.
#[derive(Debug)]
pub(super) struct Asker {
    knowledge: RwLock<Arc<Knowledge>>,
    /// One for all NICs of a VM.
    questions: Arc<Questions>,
}

/// What there is to tell.
#[derive(Debug, Clone)]
pub(super) struct Knowledge {
    /// By Azure DNS.
    pub(super) names: View,
    /// By instance metadata: its document, and the VM's id. None for what is no VM of Azure's.
    pub(super) instance: Option<(serde_json::Value, String)>,
    /// By WireServer: the goal state's generation.
    pub(super) incarnation: u64,
}

/// How many questions a VM has asked.
#[derive(Debug)]
pub(super) struct Questions {
    begin: Instant,
    throttle: Mutex<Throttle>,
}

impl Default for Questions {
    fn default() -> Self {
        Self { begin: Instant::now(), throttle: Mutex::default() }
    }
}

impl Asker {
    /// Who asks by a port of the VM that has asked `questions`.
    pub(super) fn new(knowledge: Knowledge, questions: Arc<Questions>) -> Self {
        Self { knowledge: RwLock::new(Arc::new(knowledge)), questions }
    }

    /// From here on, there is this to tell.
    pub(super) fn learn(&self, knowledge: Knowledge) {
        *self.knowledge.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(knowledge);
    }

    /// What there is to tell now.
    pub(super) fn knowledge(&self) -> Arc<Knowledge> {
        Arc::clone(&self.knowledge.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a question is answered, and when.
    pub(super) fn turn(&self) -> Turn {
        let now = self.questions.begin.elapsed();
        self.questions.throttle.lock().unwrap_or_else(PoisonError::into_inner).admit(now)
    }

    /// What a name stands for.
    pub(super) fn resolve(&self, name: &str, kind: Kind) -> Answer {
        self.knowledge().names.resolve(name, kind)
    }

    /// What counts for all NICs of its VM.
    pub(super) fn questions(&self) -> &Arc<Questions> {
        &self.questions
    }
}
