//! Terminal mode of `top`: alternate screen, no echo, single key presses.
//!
//! All of it is given back at the end, however that comes.

use super::screen::Line;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{self, Read, Write};
use tokio::sync::mpsc::{Receiver, channel};

/// Another screen without a cursor, and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// Size of a terminal that does not tell.
const SIZE: (usize, usize) = (80, 24);

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    /// The next sale.
    Next,
    Other,
}

/// The terminal, taken over.
pub(super) struct Terminal {
    before: Option<Termios>,
    keys: Receiver<Key>,
}

impl Terminal {
    pub(super) fn enter() -> Self {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut mode = before.clone();
            // Ctrl-C stays a signal.
            mode.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &mode);
        }
        let _ = write_now(ENTER);
        let (send, keys) = channel(8);
        // It waits in `read` when the process ends, and ends with it.
        std::thread::spawn(move || {
            for byte in io::stdin().lock().bytes().map_while(Result::ok) {
                let key = match byte {
                    b'q' | b'Q' => Key::Quit,
                    b'n' | b'\t' => Key::Next,
                    _ => Key::Other,
                };
                if send.blocking_send(key).is_err() {
                    return;
                }
            }
        });
        Self { before, keys }
    }

    /// The next key; never comes when nobody can press one.
    pub(super) async fn key(&mut self) -> Key {
        match self.keys.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }

    /// `lines` as a whole picture: over the last one, so that nothing flickers.
    pub(super) fn frame(&self, lines: &[Line], color: bool) -> String {
        let (width, height) = tcgetwinsize(io::stdout())
            .map(|size| (size.ws_col.into(), size.ws_row.into()))
            .ok()
            .filter(|size| *size != (0, 0))
            .unwrap_or(SIZE);
        let mut text = "\x1b[H".to_owned();
        for (i, line) in lines.iter().take(height).enumerate() {
            if i > 0 {
                text.push_str("\r\n");
            }
            line.write(&mut text, width, color);
            text.push_str("\x1b[K");
        }
        text.push_str("\x1b[J");
        text
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = write_now(LEAVE);
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

fn write_now(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
