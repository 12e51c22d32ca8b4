//! What makes a record one of genetics, sexual health or mental health.
//!
//! Three signs: privacy labels that the source set, ranges of ICD-10 and a few well-known LOINC and
//! SNOMED CT codes, and words in the display texts of codes (English, a few German, French,
//! Spanish and Dutch stems). Words are a net with holes; the person can move a record.

use carechain_domain::Category;

use crate::json::Node;

/// HL7 v3 ActCode privacy labels.
const LABELS: &[(&str, Category)] = &[
    ("GDIS", Category::Genetics),
    ("HIV", Category::SexualHealth),
    ("SEX", Category::SexualHealth),
    ("STD", Category::SexualHealth),
    ("SV", Category::SexualHealth),
    ("BH", Category::MentalHealth),
    ("ETH", Category::MentalHealth),
    ("MH", Category::MentalHealth),
    ("PSY", Category::MentalHealth),
    ("PSYTHPN", Category::MentalHealth),
    ("SUD", Category::MentalHealth),
];

/// Well-known codes of LOINC and SNOMED CT; their numbers do not collide.
const CODES: &[(&str, Category)] = &[
    ("44249-1", Category::MentalHealth),
    ("44261-6", Category::MentalHealth),
    ("55757-9", Category::MentalHealth),
    ("55758-7", Category::MentalHealth),
    ("69737-5", Category::MentalHealth),
    ("70274-6", Category::MentalHealth),
    ("75626-2", Category::MentalHealth),
    ("13746004", Category::MentalHealth),
    ("197480006", Category::MentalHealth),
    ("35489007", Category::MentalHealth),
    ("36923009", Category::MentalHealth),
    ("370143000", Category::MentalHealth),
    ("47505003", Category::MentalHealth),
    ("58214004", Category::MentalHealth),
    ("7200002", Category::MentalHealth),
    ("72892002", Category::SexualHealth),
    ("86406008", Category::SexualHealth),
    ("51969-4", Category::Genetics),
    ("69548-6", Category::Genetics),
];

/// Stems, matched at the start of a word.
const STEMS: &[(&str, Category)] = &[
    ("genetic", Category::Genetics),
    ("genomic", Category::Genetics),
    ("genotyp", Category::Genetics),
    ("karyotyp", Category::Genetics),
    ("chromosom", Category::Genetics),
    ("aneuploid", Category::Genetics),
    ("brca", Category::Genetics),
    ("pregnan", Category::SexualHealth),
    ("prenatal", Category::SexualHealth),
    ("antenatal", Category::SexualHealth),
    ("antepartum", Category::SexualHealth),
    ("postpartum", Category::SexualHealth),
    ("postnatal", Category::SexualHealth),
    ("obstetric", Category::SexualHealth),
    ("fetal", Category::SexualHealth),
    ("fetus", Category::SexualHealth),
    ("foetal", Category::SexualHealth),
    ("childbirth", Category::SexualHealth),
    ("preeclampsia", Category::SexualHealth),
    ("pre-eclampsia", Category::SexualHealth),
    ("eclampsia", Category::SexualHealth),
    ("ovum", Category::SexualHealth),
    ("uterine", Category::SexualHealth),
    ("intrauterine", Category::SexualHealth),
    ("miscarriage", Category::SexualHealth),
    ("abortion", Category::SexualHealth),
    ("contracept", Category::SexualHealth),
    ("infertil", Category::SexualHealth),
    ("erectile", Category::SexualHealth),
    ("vasectomy", Category::SexualHealth),
    ("sexual", Category::SexualHealth),
    ("genital", Category::SexualHealth),
    ("syphilis", Category::SexualHealth),
    ("gonorrh", Category::SexualHealth),
    ("chlamydia", Category::SexualHealth),
    ("papillomavirus", Category::SexualHealth),
    ("hiv", Category::SexualHealth),
    ("immunodeficiency virus", Category::SexualHealth),
    ("schwanger", Category::SexualHealth),
    ("grossesse", Category::SexualHealth),
    ("embaraz", Category::SexualHealth),
    ("zwanger", Category::SexualHealth),
    ("depress", Category::MentalHealth),
    ("dépress", Category::MentalHealth),
    ("anxiety", Category::MentalHealth),
    ("panic", Category::MentalHealth),
    ("bipolar", Category::MentalHealth),
    ("schizo", Category::MentalHealth),
    ("psych", Category::MentalHealth),
    ("suicid", Category::MentalHealth),
    ("self-harm", Category::MentalHealth),
    ("phq-", Category::MentalHealth),
    ("gad-7", Category::MentalHealth),
    ("ptsd", Category::MentalHealth),
    ("posttraumatic stress", Category::MentalHealth),
    ("post-traumatic stress", Category::MentalHealth),
    ("attention deficit", Category::MentalHealth),
    ("autis", Category::MentalHealth),
    ("bulimia", Category::MentalHealth),
    ("anorexia nervosa", Category::MentalHealth),
    ("eating disorder", Category::MentalHealth),
    ("alcoholi", Category::MentalHealth),
    ("alcohol use", Category::MentalHealth),
    ("alcohol abuse", Category::MentalHealth),
    ("alcohol depend", Category::MentalHealth),
    ("opioid use", Category::MentalHealth),
    ("opioid abuse", Category::MentalHealth),
    ("opioid depend", Category::MentalHealth),
    ("opioid addict", Category::MentalHealth),
    ("substance use", Category::MentalHealth),
    ("substance abuse", Category::MentalHealth),
    ("drug abuse", Category::MentalHealth),
    ("drug depend", Category::MentalHealth),
    ("drug overdose", Category::MentalHealth),
    ("addict", Category::MentalHealth),
    ("mental health", Category::MentalHealth),
    ("mental disorder", Category::MentalHealth),
    ("angststörung", Category::MentalHealth),
];

/// Phrases in which a stem means something else; taken out before stems are looked for.
const HARMLESS: &[&str] = &[
    "st depression",
    "st segment depression",
    "respiratory depression",
    "marrow depression",
    "congenital",
    "not pregnant",
];

/// Elements whose codes say what a record is about.
const ELEMENTS: &[&str] = &[
    "code",
    "type",
    "category",
    "reasonCode",
    "serviceType",
    "specialty",
    "reason",
    "description",
    "title",
    "serviceCategory",
    "procedureCode",
    "questionnaire",
    "outcomeCode",
];

/// Longest display text that is searched.
const MAX_TEXT_BYTES: usize = 512;

/// What a privacy label says.
pub(super) fn by_label(node: &Node<'_>) -> Option<Category> {
    let labels = node.get("meta")?.list("security");
    let code = |label: &Node<'_>| {
        let code = label.str("code")?;
        LABELS
            .iter()
            .find(|(name, _)| *name == code)
            .map(|(_, category)| *category)
    };
    strongest(labels.iter().filter_map(code))
}

/// What codes and words say.
pub(super) fn by_content(node: &Node<'_>) -> Option<Category> {
    let found = ELEMENTS
        .iter()
        .flat_map(|element| node.list(element))
        .filter_map(concept);
    strongest(found)
}

/// Genetics before sexual health before mental health.
fn strongest(found: impl Iterator<Item = Category>) -> Option<Category> {
    const RANKED: [Category; 3] = [
        Category::Genetics,
        Category::SexualHealth,
        Category::MentalHealth,
    ];
    found.min_by_key(|category| RANKED.iter().position(|ranked| ranked == category))
}

fn concept(node: &Node<'_>) -> Option<Category> {
    if let Some(text) = node.text() {
        return words(text);
    }
    let codings = node.list("coding").iter().filter_map(|coding| {
        let code = coding.str("code").unwrap_or_default();
        CODES
            .iter()
            .find(|(known, _)| *known == code)
            .map(|(_, category)| *category)
            .or_else(|| icd10(coding.str("system").unwrap_or_default(), code))
            .or_else(|| words(coding.str("display")?))
    });
    strongest(codings.chain(node.str("text").and_then(words)))
}

/// Chapters of ICD-10 and its national editions.
fn icd10(system: &str, code: &str) -> Option<Category> {
    if !system.contains("icd-10") && !system.contains("2.16.840.1.113883.6.90") {
        return None;
    }
    let letter = code.chars().next()?.to_ascii_uppercase();
    let number: u32 = code.get(1..3)?.parse().ok()?;
    match (letter, number) {
        ('F', _) => Some(Category::MentalHealth),
        ('O', _) | ('A', 50..=64) | ('B', 20..=24) | ('N', 46 | 52 | 97) => {
            Some(Category::SexualHealth)
        }
        ('Z', 21 | 30..=39) => Some(Category::SexualHealth),
        _ => None,
    }
}

fn words(text: &str) -> Option<Category> {
    if text.len() > MAX_TEXT_BYTES {
        return None;
    }
    let mut text = text.to_lowercase();
    for phrase in HARMLESS {
        if text.contains(phrase) {
            text = text.replace(phrase, " ");
        }
    }
    strongest(
        STEMS
            .iter()
            .filter(|(stem, _)| starts_a_word(&text, stem))
            .map(|(_, c)| *c),
    )
}

fn starts_a_word(text: &str, stem: &str) -> bool {
    let whole = stem.len() <= 4 && !stem.ends_with('-');
    text.match_indices(stem).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + stem.len()..].chars().next();
        let starts = before.is_none_or(|c| !c.is_alphanumeric());
        // Short stems such as "hiv" must be whole words, or be followed by a number ("brca1").
        starts && (!whole || after.is_none_or(|c| !c.is_alphabetic()))
    })
}
