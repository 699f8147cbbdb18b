//! Document of a plan as people write it: TOML in a file, the same as JSON in the API.

use super::PLAN_FORMAT;
use super::error::PlanErrors;
use core::fmt;
use serde::de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The part of a document that says which version can read the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct PlanHead {
    /// The format of the rest; 1 when absent.
    #[serde(default = "format")]
    pub format: u32,
}

/// A plan as people write it. [`PlanDocument::compile`] checks it and numbers its seats.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanDocument {
    /// The format, 1; it can be left out.
    #[serde(default = "format")]
    pub format: u32,
    /// The stops of a train, in its order; none in a hall.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<StopDocument>,
    /// Seats and places by kind.
    pub classes: Vec<ClassDocument>,
    /// Numbers that one class, or several together, may not exceed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<QuotaDocument>,
}

/// A stop: its id alone, or id and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopDocument {
    /// Letters, digits and `_`; begins with a letter.
    pub id: String,
    /// What people read; the id when absent.
    pub name: Option<String>,
}

/// A class: coaches, blocks or standing places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassDocument {
    /// Letters, digits and `_`.
    pub id: String,
    /// What people read; the id when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its coaches; those that are alike share an entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coaches: Vec<PartDocument>,
    /// Its blocks; those that are alike share an entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<PartDocument>,
    /// Places without seats, on each leg.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<u64>,
}

/// Coaches or blocks that are alike, or rows of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartDocument {
    /// Their ids: `5`, `"2-8, 10-16"` or a list of such.
    #[serde(deserialize_with = "ids", serialize_with = "one_or_list")]
    pub ids: Vec<String>,
    /// What people read in the place of "block 112"; `{id}` stands for the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Labels of the rows: `"1-18"`, `"A-H, J-M"` or a list of such. None where seats are numbered
    /// through the whole coach or block.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "rows", serialize_with = "one_or_list")]
    pub rows: Vec<String>,
    /// Seats of a row by letter, `"ABC DF"`: one text for all rows, or one for each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "patterns", serialize_with = "one_or_list")]
    pub letters: Vec<String>,
    /// Seats of a row by number, `"1-10 11-20"`: one text for all rows, or one for each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "patterns", serialize_with = "one_or_list")]
    pub seats: Vec<String>,
    /// Seats that are missing: `12A` or `7-14` in all of them, `3-12A` or `112-7-14` in one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(deserialize_with = "seat_names", serialize_with = "one_or_list")]
    pub without: Vec<String>,
}

/// A number that one class, or several together, may not exceed, on each leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaDocument {
    /// Letters, digits and `_`.
    pub id: String,
    /// What people read; the id when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Ids of its classes.
    pub classes: Vec<String>,
    /// Seats and standing places that can be taken at a time.
    pub size: u64,
}

impl PlanHead {
    /// Whether this version reads the rest.
    ///
    /// # Errors
    /// It is of a later version of lastseat.
    pub fn check(self) -> Result<(), PlanErrors> {
        if self.format == PLAN_FORMAT {
            return Ok(());
        }
        let problem = format!(
            "{} is not a format that this version reads: it reads {PLAN_FORMAT}",
            self.format
        );
        Err(PlanErrors::one("format", problem))
    }
}

const fn format() -> u32 {
    PLAN_FORMAT
}

impl Serialize for StopDocument {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Named<'a> {
            id: &'a str,
            name: &'a str,
        }
        match &self.name {
            Some(name) => Named { id: &self.id, name }.serialize(to),
            None => self.id.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for StopDocument {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Named {
            id: String,
            #[serde(default)]
            name: Option<String>,
        }
        struct StopVisitor;
        impl<'de> Visitor<'de> for StopVisitor {
            type Value = StopDocument;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a stop: its id as a text, or id and name")
            }

            fn visit_str<E: de::Error>(self, id: &str) -> Result<StopDocument, E> {
                Ok(StopDocument { id: id.to_owned(), name: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StopDocument, A::Error> {
                let Named { id, name } = Named::deserialize(MapAccessDeserializer::new(map))?;
                Ok(StopDocument { id, name })
            }
        }
        from.deserialize_any(StopVisitor)
    }
}

/// One text, or a list of them.
struct TextVisitor {
    expects: &'static str,
    /// Whether a number alone is a text, too; in a list it always is.
    takes_number: bool,
}

/// A text or a number, which stands for its digits.
struct Text(String);

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expects)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<String>, E> {
        Ok(vec![text.to_owned()])
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Vec<String>, E> {
        if self.takes_number {
            return Ok(vec![number.to_string()]);
        }
        Err(E::invalid_type(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Vec<String>, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(de::Unexpected::Signed(number), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
        let mut texts = Vec::new();
        while let Some(Text(text)) = list.next_element()? {
            texts.push(text);
        }
        Ok(texts)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct ItemVisitor;
        impl Visitor<'_> for ItemVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text, E> {
                let number = u64::try_from(number);
                number.map(|number| Text(number.to_string())).map_err(|_| {
                    E::invalid_value(de::Unexpected::Other("a negative number"), &self)
                })
            }
        }
        from.deserialize_any(ItemVisitor)
    }
}

fn ids<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let expects = "ids: 5, a text such as \"2-8, 10-16\", or a list of such";
    from.deserialize_any(TextVisitor { expects, takes_number: true })
}

fn rows<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let expects = "rows as a text: \"1-18\" for the rows 1 to 18, \"18\" for row 18 alone, \"A-M\"";
    from.deserialize_any(TextVisitor { expects, takes_number: false })
}

fn patterns<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let expects = "the seats of a row as a text: \"ABC DF\" for letters, \"1-10 11-20\" for \
                   numbers, or a list of such, one for each row";
    from.deserialize_any(TextVisitor { expects, takes_number: false })
}

fn seat_names<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let expects = "names of seats: \"12A\", \"7-14, 7-15\", or a list of such";
    from.deserialize_any(TextVisitor { expects, takes_number: false })
}

fn one_or_list<S: Serializer>(texts: &[String], to: S) -> Result<S::Ok, S::Error> {
    match texts {
        [one] => one.serialize(to),
        _ => texts.serialize(to),
    }
}
