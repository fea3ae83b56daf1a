//! How do the hub's messages come to the broker, and is the service's queue empty? A publisher that confirms, as Koji's
//! plugin is, and the broker's own word on the queue.

use std::collections::VecDeque;

use anyhow::{Context, bail};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use super::hub::Message;
use super::servers::{Broker, rabbitmqctl};

/// The service's queue, by default.
const QUEUE: &str = "tannery";

/// How many messages may be on their way without the broker's confirm.
const UNCONFIRMED: usize = 1000;

/// A connection to a virtual host.
pub struct Publisher {
    channel: Channel,
    _connection: Connection,
    unconfirmed: VecDeque<lapin::PublisherConfirm>,
    said: u64,
}

impl Publisher {
    /// Connects.
    pub async fn open(broker: &Broker) -> anyhow::Result<Self> {
        let connection = Connection::connect(&broker.url(), ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { channel, _connection: connection, unconfirmed: VecDeque::new(), said: 0 })
    }

    /// Publishes a message; waits for confirms only where too many are outstanding.
    pub async fn say(&mut self, message: &Message) -> anyhow::Result<()> {
        self.said += 1;
        let key = format!("org.fedoraproject.prod.{}", message.topic);
        let (body, options) = (message.body.to_string(), BasicPublishOptions { mandatory: true, ..Default::default() });
        let properties = properties(message, self.said);
        let sent = self.channel.basic_publish("amq.topic".into(), key.into(), options, body.as_bytes(), properties);
        self.unconfirmed.push_back(sent.await?);
        if self.unconfirmed.len() >= UNCONFIRMED {
            self.confirm_one().await?;
        }
        Ok(())
    }

    /// Waits until the broker has confirmed all.
    pub async fn finish(&mut self) -> anyhow::Result<()> {
        while !self.unconfirmed.is_empty() {
            self.confirm_one().await?;
        }
        Ok(())
    }

    async fn confirm_one(&mut self) -> anyhow::Result<()> {
        let Some(first) = self.unconfirmed.pop_front() else { return Ok(()) };
        match first.await? {
            Confirmation::Ack(None) => Ok(()),
            other => bail!("the broker did not take a message: {other:?}"),
        }
    }

    /// Returns how many messages are ready in the service's queue.
    pub async fn ready(&self) -> anyhow::Result<u32> {
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = self.channel.queue_declare(QUEUE.into(), options, FieldTable::default()).await?;
        Ok(queue.message_count())
    }
}

/// Returns how many messages the broker keeps for the service, those included that it was handed and has not
/// acknowledged.
pub fn kept(broker: &Broker) -> anyhow::Result<u64> {
    let said = rabbitmqctl(&["list_queues", "-p", broker.vhost(), "--no-table-headers", "name", "messages"]);
    let line = said.lines().find_map(|line| line.strip_prefix(QUEUE)).context("the broker does not have the queue")?;
    Ok(line.trim().parse()?)
}

/// Returns the properties that the plugin gives a message about a build in a tag.
fn properties(message: &Message, number: u64) -> BasicProperties {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut headers = FieldTable::default();
    headers.insert("fedora_messaging_schema".into(), text("koji_fedoramessaging.tag.TagV1"));
    headers.insert("fedora_messaging_schema_package".into(), text("koji_fedoramessaging_messages"));
    headers.insert("sent-at".into(), text(&jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()));
    headers.insert("fedora_messaging_severity".into(), AMQPValue::LongInt(10));
    headers.insert("priority".into(), AMQPValue::LongInt(2));
    headers.insert("fedora_messaging_user_kojiadmin".into(), AMQPValue::Boolean(true));
    let package = message.body["name"].as_str().unwrap_or_default();
    headers.insert(format!("fedora_messaging_rpm_{package}").into(), AMQPValue::Boolean(true));
    BasicProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("utf-8".into())
        .with_delivery_mode(2)
        .with_priority(2)
        .with_message_id(format!("00000000-0000-4000-8000-{number:012}").into())
        .with_headers(headers)
}
