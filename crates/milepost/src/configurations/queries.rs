//! The SQL of configurations.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Configuration, Metadata, NewConfiguration, NewMetadata, NewStep, Step};
use crate::app::App;
use crate::auth::ProviderId;
use crate::db::{Db, On, Order, Select, Tx, insert_rows, on, sql};
use crate::paging::{Cursor, Limit, Page};
use crate::values::{Name, Tag, Units};

const COLUMNS: &str = "c.id, c.provider_id, c.tag, c.name, c.version, c.created_at, c.updated_at";

#[derive(sqlx::FromRow)]
struct ConfigurationRow {
    id: Uuid,
    provider_id: Uuid,
    tag: Tag,
    name: Name,
    version: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct StepRow {
    id: Uuid,
    job_configuration_id: Uuid,
    tag: Tag,
    name: Name,
    points: i64,
    position: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Writes a configuration unless its tag and version are taken, and says whether it did.
pub(super) async fn insert(
    app: &App,
    tx: &mut Tx,
    provider: ProviderId,
    sent: &NewConfiguration,
    now: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let id = app.clock().new_id();
    let inserted = on!(&mut *tx, |c| {
        sqlx::query(
            "insert into job_configurations (id, provider_id, tag, name, version, precedence, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $7) on conflict (provider_id, tag, version) do nothing",
        )
        .bind(id)
        .bind(provider.id())
        .bind(&sent.tag)
        .bind(&sent.name)
        .bind(sent.version.to_string())
        .bind(sent.version.precedence())
        .bind(now)
        .execute(c)
        .await
        .map(|result| result.rows_affected())
    })?;
    if inserted == 0 {
        return Ok(false);
    }
    let steps: Vec<(Uuid, i64, &NewStep)> =
        (0..).zip(&sent.step_configurations).map(|(position, step)| (app.clock().new_id(), position, step)).collect();
    let mut batch = tx.batch();
    insert_rows!(batch, "step_configurations", steps, "", |row| {
        id: row.0,
        job_configuration_id: id,
        tag: row.2.tag.as_str(),
        name: row.2.name.as_str(),
        points: row.2.points.get(),
        position: row.1,
        created_at: now,
        updated_at: now,
    });
    let fields: Vec<(Uuid, Uuid, i64, &NewMetadata)> = steps
        .iter()
        .flat_map(|(step_id, _, step)| {
            (0..).zip(step.metadata()).map(move |(position, field)| (step_id, position, field))
        })
        .map(|(step_id, position, field)| (app.clock().new_id(), *step_id, position, field))
        .collect();
    insert_rows!(batch, "metadata_configurations", fields, "", |row| {
        id: row.0,
        step_configuration_id: row.1,
        kind: row.3.kind().as_str(),
        name: row.3.name.as_str(),
        units: row.3.units.as_ref().map(Units::as_str),
        position: row.2,
        created_at: now,
        updated_at: now,
    });
    batch.run(tx).await?;
    Ok(true)
}

/// One configuration of the provider.
pub async fn find(db: &Db, provider: ProviderId, id: Uuid) -> sqlx::Result<Option<Configuration>> {
    let row = on!(db, |c| {
        sqlx::query_as(sql!("select {COLUMNS} from job_configurations c where c.provider_id = $1 and c.id = $2"))
            .bind(provider.id())
            .bind(id)
            .fetch_optional(c)
            .await
    })?;
    with_steps_of_one(db, row).await
}

/// One version of a tag.
pub async fn find_version<'a, O>(
    on: O,
    provider: ProviderId,
    tag: &Tag,
    version: &str,
) -> sqlx::Result<Option<Configuration>>
where
    O: Into<On<'a>>,
{
    let mut on = on.into();
    let row = on!(on.reborrow(), |c| {
        sqlx::query_as(sql!(
            "select {COLUMNS} from job_configurations c where c.provider_id = $1 and c.tag = $2 and c.version = $3"
        ))
        .bind(provider.id())
        .bind(tag)
        .bind(version)
        .fetch_optional(c)
        .await
    })?;
    with_steps_of_one(on, row).await
}

/// The `latest` version of a tag.
pub async fn find_newest<'a, O>(on: O, provider: ProviderId, tag: &Tag) -> sqlx::Result<Option<Configuration>>
where
    O: Into<On<'a>>,
{
    let mut on = on.into();
    let row = on!(on.reborrow(), |c| {
        sqlx::query_as(sql!(
            "select {COLUMNS} from job_configurations c where c.provider_id = $1 and c.tag = $2
             order by c.precedence desc, c.created_at desc, c.id desc limit 1"
        ))
        .bind(provider.id())
        .bind(tag)
        .fetch_optional(c)
        .await
    })?;
    with_steps_of_one(on, row).await
}

/// The release of a tag next to a bound of precedence, on one side of it: the highest below, or the lowest above. Of equal
/// precedence the one registered later. With `until` only among those that were registered before then.
pub(super) async fn find_release(
    db: &Db,
    provider: ProviderId,
    tag: &Tag,
    (side, bound): (Order, Vec<u8>),
    until: Option<(DateTime<Utc>, Uuid)>,
) -> sqlx::Result<Option<Configuration>> {
    /// The first byte of the precedence of releases.
    const RELEASES: [u8; 1] = [1];
    let (sign, direction) = side.words();
    let (at, tie) = until.unzip();
    let row = on!(db, |c| {
        sqlx::query_as(sql!(
            "select {COLUMNS} from job_configurations c
             where c.provider_id = $1 and c.tag = $2 and c.precedence >= $3 and c.precedence {sign} $4
                 and ($5 is null or (c.created_at, c.id) < ($5, $6))
             order by c.precedence {direction}, c.created_at desc, c.id desc limit 1"
        ))
        .bind(provider.id())
        .bind(tag)
        .bind(RELEASES.as_slice())
        .bind(bound.as_slice())
        .bind(at)
        .bind(tie)
        .fetch_optional(c)
        .await
    })?;
    with_steps_of_one(db, row).await
}

/// A page of all versions of a tag, or of the newest version of every tag.
pub(super) async fn list(
    db: &Db,
    provider: ProviderId,
    tag: Option<&Tag>,
    limit: Limit,
    cursor: Option<Cursor>,
) -> sqlx::Result<Page<Configuration>> {
    let all = Select::new(format!("select {COLUMNS} from job_configurations c"))
        .bind(" where c.provider_id = ", provider.id());
    let select = match tag {
        Some(tag) => all.bind(" and c.tag = ", tag.to_string()),
        None => all.push(
            " and not exists (select 1 from job_configurations n where n.provider_id = c.provider_id and n.tag = c.tag
                 and (n.precedence, n.created_at, n.id) > (c.precedence, c.created_at, c.id))",
        ),
    };
    let rows: Vec<ConfigurationRow> = select.newest_first("c", cursor, limit).fetch_all(db).await?;
    let page = Page::cut(rows, limit, |row| Cursor { at: row.created_at, tie: row.id });
    Ok(Page { items: with_steps(db, page.items).await?, next: page.next })
}

async fn with_steps_of_one<'a>(
    on: impl Into<On<'a>>,
    row: Option<ConfigurationRow>,
) -> sqlx::Result<Option<Configuration>> {
    Ok(with_steps(on, row.into_iter().collect()).await?.pop())
}

async fn with_steps<'a>(on: impl Into<On<'a>>, rows: Vec<ConfigurationRow>) -> sqlx::Result<Vec<Configuration>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut steps = load_steps(on, &ids).await?;
    let with_steps = |row: ConfigurationRow| Configuration {
        id: row.id,
        provider_id: row.provider_id,
        tag: row.tag,
        name: row.name,
        version: row.version,
        step_configurations: steps.remove(&row.id).unwrap_or_default(),
        created_at: row.created_at,
        updated_at: row.updated_at,
    };
    Ok(rows.into_iter().map(with_steps).collect())
}

/// The steps of configurations in their order, by the configuration's id.
pub async fn load_steps<'a>(
    on: impl Into<On<'a>>,
    configuration_ids: &[Uuid],
) -> sqlx::Result<HashMap<Uuid, Vec<Step>>> {
    if configuration_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut on = on.into();
    let rows: Vec<StepRow> = Select::new(
        "select id, job_configuration_id, tag, name, points, position, created_at, updated_at
         from step_configurations where",
    )
    .bind_all(" job_configuration_id", configuration_ids.iter().copied())
    .push(" order by job_configuration_id, position")
    .fetch_all(on.reborrow())
    .await?;
    let metadata: Vec<Metadata> = Select::new(
        "select m.id, m.step_configuration_id, m.kind, m.name, m.units, m.position, m.created_at, m.updated_at
         from metadata_configurations m join step_configurations s on s.id = m.step_configuration_id
         where",
    )
    .bind_all(" s.job_configuration_id", configuration_ids.iter().copied())
    .push(" order by m.step_configuration_id, m.position")
    .fetch_all(on)
    .await?;
    let mut metadata_of: HashMap<Uuid, Vec<Metadata>> = HashMap::new();
    for field in metadata {
        metadata_of.entry(field.step_configuration_id).or_default().push(field);
    }
    let mut steps_of: HashMap<Uuid, Vec<Step>> = HashMap::new();
    for row in rows {
        steps_of.entry(row.job_configuration_id).or_default().push(Step {
            id: row.id,
            job_configuration_id: row.job_configuration_id,
            tag: row.tag,
            name: row.name,
            points: row.points,
            position: row.position,
            metadata_configurations: metadata_of.remove(&row.id).unwrap_or_default(),
            created_at: row.created_at,
            updated_at: row.updated_at,
        });
    }
    Ok(steps_of)
}
