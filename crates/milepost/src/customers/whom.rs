//! Which customer's jobs are asked for.

use serde::Deserialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::auth::ProviderId;
use crate::db::{On, Select};
use crate::rollups::NOBODY;
use crate::values::Email;

/// Whose jobs are asked for in figures and reports.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Whom {
    /// Those that were opened for nobody.
    Nobody,
    /// Those of a customer, by `customer_id` or by the id in the list of customers.
    Id(Uuid),
    /// Those of a customer, by address.
    Email(Email),
}

impl PartialSchema for Whom {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(254))
            .pattern(Some(r"^(none|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[^@\s]+@[^@\s]+)$"))
            .examples(["ines@clinic.example"])
            .into()
    }
}

impl ToSchema for Whom {}

impl TryFrom<String> for Whom {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "none" {
            return Ok(Self::Nobody);
        }
        match (text.parse(), Email::try_from(text)) {
            (Ok(id), _) => Ok(Self::Id(id)),
            (_, Ok(email)) => Ok(Self::Email(email)),
            _ => Err("is neither an id nor an e-mail address, nor none"),
        }
    }
}

impl Whom {
    /// As it was asked for.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Nobody => "none".to_owned(),
            Self::Id(id) => id.to_string(),
            Self::Email(email) => email.as_str().to_owned(),
        }
    }

    /// The links of the provider that jobs name for it, [`NOBODY`] for those of nobody.
    pub(crate) async fn links<'a>(&self, on: impl Into<On<'a>>, provider: ProviderId) -> sqlx::Result<Vec<Uuid>> {
        let mut select = Select::new("select id from customers where provider_id = ").bind("", provider.id());
        let select = match self {
            Self::Nobody => return Ok(vec![NOBODY]),
            Self::Email(email) => select.bind(" and email = ", email.as_str().to_owned()),
            Self::Id(id) => {
                let id = select.value(*id);
                select.push(&format!(" and (id = {id} or customer_id = {id})"))
            }
        };
        let links: Vec<(Uuid,)> = select.fetch_all(on).await?;
        Ok(links.into_iter().map(|(link,)| link).collect())
    }
}

/// The condition that jobs are those of some links; nothing if they are everybody's.
pub(crate) fn of_links(select: &mut Select, links: Option<&[Uuid]>, column: &str) -> Option<String> {
    match links? {
        [NOBODY] => Some(format!("{column} is null")),
        [] => Some("1 = 0".to_owned()),
        links => {
            let links: Vec<String> = links.iter().map(|link| select.value(*link)).collect();
            Some(format!("{column} in ({})", links.join(", ")))
        }
    }
}
