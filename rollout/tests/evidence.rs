//! What holds for any counts: nothing panics, nothing is not a number, the promise is kept exactly,
//! and a state that was written goes on as if it had not been.

#[path = "evidence/exact.rs"]
mod exact;
#[path = "evidence/looks.rs"]
mod looks;
#[path = "evidence/scipy.rs"]
mod scipy;
