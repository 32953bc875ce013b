//! A server killed with SIGKILL while events are posted: whatever was acknowledged is there, once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use milepost::sources::random_bytes;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::support::{Database, Milepost, Person, ServerProcess, on_both};

/// How often the server is killed.
const KILLS: usize = 22;
/// The jobs that events are posted to.
const JOBS: [&str; 4] = ["K-0", "K-1", "K-2", "K-3"];

/// What a client was told: the event's id and where it stands.
type Acknowledged = HashMap<String, (String, i64)>;

/// A client that goes on posting until it is told to stop, at whatever address the server has at the moment.
struct Client {
    number: usize,
    person: Person,
    address: watch::Receiver<String>,
    stop: Arc<AtomicBool>,
    /// How many events all clients had acknowledged.
    count: Arc<AtomicUsize>,
    acknowledged: Acknowledged,
}

impl Client {
    /// Posts once; none if the server was away or said that it could not.
    async fn post(&mut self, path: &str, body: &Value) -> Option<Value> {
        let person = self.person.at_address(&self.address.borrow());
        let request = person.request(reqwest::Method::POST, path).json(body).timeout(Duration::from_secs(10));
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let text = response.text().await.ok()?;
        assert!(matches!(status, 200 | 201 | 500..), "{status}: {text}");
        (status < 500).then(|| serde_json::from_str(&text).unwrap())
    }

    fn note(&mut self, event: &Value) {
        let id = event["id"].as_str().unwrap().to_owned();
        let place = (event["job_id"].as_str().unwrap().to_owned(), event["sequence"].as_i64().unwrap());
        let before = self.acknowledged.insert(id, place.clone());
        assert!(before.is_none_or(|before| before == place), "an event moved");
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// One event with a key, sent until it is acknowledged.
    async fn post_with_key(&mut self, round: usize) {
        let body = json!({"provider_job_id": JOBS[round % JOBS.len()], "kind": "info", "tag": "load",
            "name": "once", "idempotency_key": format!("{}-{round}", self.number)});
        loop {
            if let Some(event) = self.post("/events", &body).await {
                return self.note(&event);
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// One event without a key: sent once, recorded or not.
    async fn post_without_key(&mut self, round: usize) {
        let body = json!({"provider_job_id": JOBS[round % JOBS.len()], "kind": "error", "name": "maybe"});
        if let Some(event) = self.post("/events", &body).await {
            self.note(&event);
        }
    }

    /// A batch over all jobs, every other event with a key; sent until all with a key are acknowledged.
    async fn post_batch(&mut self, round: usize) {
        let keyed = |n: usize| {
            json!({"provider_job_id": JOBS[n % JOBS.len()], "kind": "step", "tag": "measure", "name": "once",
                "idempotency_key": format!("{}-{round}-{n}", self.number)})
        };
        let unkeyed = |n: usize| json!({"provider_job_id": JOBS[n % JOBS.len()], "kind": "info", "name": "maybe"});
        let keys: Vec<Value> = (0..12).map(keyed).collect();
        let mut body: Vec<Value> =
            (0..24).map(|n| if n % 2 == 0 { keys[n / 2].clone() } else { unkeyed(n) }).collect();
        loop {
            if let Some(answer) = self.post("/events/batch", &json!(body)).await {
                let items = answer["items"].as_array().unwrap();
                for item in items {
                    let status = item["status"].as_u64().unwrap();
                    assert!(matches!(status, 200 | 201 | 500..), "{item}");
                    if status < 500 {
                        self.note(&item["event"]);
                    }
                }
                if items.iter().all(|item| item["status"].as_u64().unwrap() < 500) {
                    return;
                }
            }
            body.clone_from(&keys);
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn run(mut self) -> Acknowledged {
        let mut round = self.number;
        while !self.stop.load(Ordering::Relaxed) {
            match round % 3 {
                0 => self.post_with_key(round).await,
                1 => self.post_without_key(round).await,
                _ => self.post_batch(round).await,
            }
            round += 1;
        }
        self.acknowledged
    }
}

async fn start(database: &Database) -> ServerProcess {
    Milepost::on(database, &["serve"]).serve().await.unwrap_or_else(|said| panic!("the server did not start: {said}"))
}

/// Kills the server again and again, each time a moment after it took something in.
async fn kill_again_and_again(database: &Database, address: &watch::Sender<String>, count: &AtomicUsize) {
    for _ in 0..KILLS {
        let server = start(database).await;
        address.send_replace(server.url.clone());
        let before = count.load(Ordering::Relaxed);
        while count.load(Ordering::Relaxed) == before {
            sleep(Duration::from_millis(5)).await;
        }
        sleep(Duration::from_millis(u64::from(random_bytes::<1>()[0]))).await;
        server.kill();
    }
}

on_both! {
    async fn what_was_acknowledged_survives_sigkill_once(server: TestServer) {
        let alice = server.provider("alice").await;
        alice.register("scan", "1.0.0", &[("load", 30), ("measure", 70)]).await;
        let mut jobs = Vec::new();
        for id in JOBS {
            jobs.push(alice.open_job("scan", id).await);
        }
        let alice = alice.with_new_key("write").await;
        let database = server.stop().await;

        let (address, at) = watch::channel("http://127.0.0.1:1".to_owned());
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients: Vec<_> = (0..4)
            .map(|number| Client {
                number,
                person: alice.clone(),
                address: at.clone(),
                stop: stop.clone(),
                count: count.clone(),
                acknowledged: Acknowledged::new(),
            })
            .map(|client| tokio::spawn(client.run()))
            .collect();
        kill_again_and_again(&database, &address, &count).await;
        let server = start(&database).await;
        address.send_replace(server.url.clone());
        stop.store(true, Ordering::Relaxed);
        let mut acknowledged = Acknowledged::new();
        for client in clients {
            acknowledged.extend(client.await.unwrap());
        }

        let alice = alice.at_address(&server.url);
        let mut stored = HashMap::new();
        for job in &jobs {
            let events = all_events(&alice, job).await;
            let mut sequences: Vec<i64> = events.iter().map(|event| event["sequence"].as_i64().unwrap()).collect();
            sequences.sort_unstable();
            assert_eq!(sequences, (1..=i64::try_from(events.len()).unwrap()).collect::<Vec<_>>(), "a gap");
            let keys: Vec<&str> = events.iter().filter_map(|event| event["idempotency_key"].as_str()).collect();
            let distinct: std::collections::HashSet<&str> = keys.iter().copied().collect();
            assert_eq!(distinct.len(), keys.len(), "an event twice");
            for event in events {
                let place = (job.clone(), event["sequence"].as_i64().unwrap());
                stored.insert(event["id"].as_str().unwrap().to_owned(), place);
            }
        }
        assert!(acknowledged.len() > KILLS, "too little was posted to tell anything");
        for (id, place) in &acknowledged {
            assert_eq!(stored.get(id), Some(place), "an acknowledged event is not where it was");
        }
        server.kill();
        let said = Milepost::on(&database, &["rebuild", "--check"]).run().await.expect_success();
        assert!(said.contains(" 0 differences "), "{said}");
    }
}

async fn all_events(person: &Person, job: &str) -> Vec<Value> {
    let (mut events, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = person.get(&format!("/jobs/{job}/events?limit=200{cursor}")).await.expect(200);
        events.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return events,
        }
    }
}
