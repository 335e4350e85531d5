use crate::Company;

/// RFC 4180: quoted where needed, quotes doubled.
fn field(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

pub(crate) fn users(company: &Company) -> String {
    let mut out = String::from("id,userName,givenName,familyName,email,department,title,type,active\n");
    for user in company.users.values() {
        let mut fields = vec![
            user.id.clone(),
            user.user_name.clone(),
            field(&user.given_name),
            field(&user.family_name),
            user.email.clone().unwrap_or_default(),
            field(&user.department),
            field(&user.title),
            user.kind.clone(),
            user.active.to_string(),
        ];
        if user.damaged {
            fields.pop();
        }
        out.push_str(&fields.join(","));
        out.push('\n');
    }
    out
}

pub(crate) fn groups(company: &Company) -> String {
    let mut out = String::from("id,displayName,members[]\n");
    for group in &company.groups {
        let members: Vec<&str> = group.users.iter().chain(&group.groups).map(String::as_str).collect();
        out.push_str(&format!("{},{},{}\n", group.id, field(&group.display_name), members.join(";")));
    }
    out
}
