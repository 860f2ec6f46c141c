//! The one tokio runtime behind the blocking functions of this crate, and for clients of tests.

use std::future::Future;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("integration")
        .enable_all()
        .build()
        .expect("the system gives two threads and an epoll")
});

/// Runs a future to its end on this thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

/// Runs a future in the background.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    RUNTIME.spawn(future)
}

/// Ends a background task, and returns when it has ended.
pub fn end<T>(task: &mut JoinHandle<T>) {
    task.abort();
    // A value that is dropped on a runtime's own thread may not block it: there the end comes by itself.
    if Handle::try_current().is_err() {
        let _ = block_on(task);
    }
}
