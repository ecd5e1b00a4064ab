//! A mail server for the demonstration: takes mail, counts it, and fails now and then. It speaks
//! just enough SMTP for that, and is no good for anything else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

pub(crate) struct Sink {
    url: String,
    inbox: Arc<Inbox>,
}

/// The addresses of accepted mail, one entry a mail.
struct Inbox {
    mails: Mutex<Vec<String>>,
    count: watch::Sender<usize>,
    recipients: AtomicUsize,
}

impl Sink {
    /// Listens on a free port of this machine, until the process ends.
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("smtp://{}", listener.local_addr()?);
        let inbox = Arc::new(Inbox {
            mails: Mutex::default(),
            count: watch::Sender::new(0),
            recipients: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&inbox);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let inbox = Arc::clone(&shared);
                // A client that was killed breaks its connection; that is no concern of ours.
                tokio::spawn(async move { inbox.serve(client).await });
            }
        });
        Ok(Self { url, inbox })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn mails(&self) -> Vec<String> {
        self.inbox.mails.lock().expect("no code panics with this lock").clone()
    }

    /// Waits until so many mails have been accepted.
    pub(crate) async fn accepted(&self, mails: usize) -> Result<()> {
        self.inbox.count.subscribe().wait_for(|count| *count >= mails).await?;
        Ok(())
    }
}

impl Inbox {
    async fn serve(&self, client: TcpStream) -> std::io::Result<()> {
        let (reader, mut writer) = client.into_split();
        let mut lines = BufReader::new(reader).lines();
        let mut recipient = String::new();
        writer.write_all(b"220 sink\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            let command = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let answer = match &*command {
                "RCPT" => {
                    recipient = address(&line).to_owned();
                    self.judge(&recipient)
                }
                "DATA" => {
                    writer.write_all(b"354 go on\r\n").await?;
                    while lines.next_line().await?.is_some_and(|line| line != ".") {}
                    self.accept(&recipient);
                    // Accepted, and the client does not know yet: the moment to be killed in.
                    sleep(Duration::from_millis(50)).await;
                    "250 taken"
                }
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            writer.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        Ok(())
    }

    fn judge(&self, recipient: &str) -> &'static str {
        let nth = self.recipients.fetch_add(1, Ordering::Relaxed);
        if recipient.starts_with("gone") {
            "550 there is no such mailbox"
        } else if nth % 6 == 3 {
            "451 try again later"
        } else {
            "250 ok"
        }
    }

    fn accept(&self, recipient: &str) {
        let mut mails = self.mails.lock().expect("no code panics with this lock");
        mails.push(recipient.to_owned());
        self.count.send_replace(mails.len());
    }
}

/// What stands between the angle brackets.
fn address(line: &str) -> &str {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or("", |(address, _)| address)
}
