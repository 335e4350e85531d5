pub(crate) const GIVEN: &[&str] = &[
    "Anna",
    "José",
    "Zoë",
    "Siân",
    "Mary Jane",
    "François",
    "Łukasz",
    "Björn",
    "Aoife",
    "Dagný",
    "Ngọc",
    "İpek",
    "Chloé",
    "Søren",
    "Jürgen",
    "Marta",
    "Ravi",
    "Mei",
    "Olu",
    "Fatima",
    "Peter",
    "Ruth",
    "Noor",
    "Tomáš",
    "Ibrahim",
];

pub(crate) const FAMILY: &[&str] = &[
    "Müller",
    "O'Brien",
    "García Márquez",
    "van den Berg",
    "Nguyễn",
    "Łukasiewicz",
    "D’Angelo",
    "Smith, Jr.",
    "Robert \"Bob\" Stone",
    "Åkesson",
    "Şahin",
    "Dvořák",
    "Ó Súilleabháin",
    "Weiß",
    "de la Cruz",
    "Johnson",
    "Li",
    "Okafor",
    "Kowalski",
    "Müller-Lüdenscheidt",
    "Jensen",
    "Brown",
    "Sørensen",
    "Ferrari",
    "Abdullah",
];

pub(crate) const DEPARTMENTS: &[&str] =
    &["Engineering", "Sales", "Human Resources", "Légal", "Finance", "Operations", "IT", "Vertrieb Süd"];

pub(crate) const TITLES: &[&str] =
    &["Engineer", "Clerk", "Analyst", "Docker", "Pilot", "Buyer", "Controller", "Welder", "Planner"];

pub(crate) const TEAMS: &[&str] = &["Crane", "Pier", "Tug", "Lock", "Quay", "Buoy", "Ledger", "Hull"];

/// The department after the given one.
pub(crate) fn other_department(department: &str) -> &'static str {
    let at = DEPARTMENTS.iter().position(|d| *d == department).unwrap_or(0);
    DEPARTMENTS.get((at + 1) % DEPARTMENTS.len()).copied().unwrap_or("Operations")
}

/// What a name becomes in a user name.
pub(crate) fn ascii(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
