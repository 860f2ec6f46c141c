//! An API server and control planes that answer from a table, for what real ones do not do on demand.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// What a server says to a path with its query: a status and a body; none for 404, and with the status 0
/// it hangs up.
pub(super) type Answers = dyn Fn(&str) -> Option<(u16, String)> + Send + Sync;

/// Starts a server on 127.0.0.1 that lives as long as this test's process.
pub(super) fn serve(answers: Arc<Answers>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answers = Arc::clone(&answers);
            std::thread::spawn(move || answer(stream, answers.as_ref()));
        }
    });
    address
}

/// One request, one answer; who asked too fast or went away is left.
fn answer(stream: TcpStream, answers: &Answers) -> Option<()> {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    let path = first.split(' ').nth(1)?;
    lines.find(String::is_empty)?;
    let missing = r#"{"kind": "Status", "status": "Failure", "message": "not found", "code": 404}"#;
    let (status, body) = answers(path).unwrap_or((404, missing.to_owned()));
    if status == 0 {
        return None;
    }
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Of\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    (&stream).write_all((head + &body).as_bytes()).ok()
}
