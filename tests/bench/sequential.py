"""The script that an administrator would write: read LDAP, create SCIM users one by one.

Arguments: LDAP URL, bind DN, password, base DN, SCIM base URL, bearer token.
"""

import sys

import requests
from ldap3 import SUBTREE, Connection, Server

ldap_url, bind_dn, password, base, scim_url, token = sys.argv[1:7]

connection = Connection(Server(ldap_url), bind_dn, password, auto_bind=True)
entries = connection.extend.standard.paged_search(
    base,
    "(objectClass=inetOrgPerson)",
    search_scope=SUBTREE,
    attributes=["uid", "cn", "sn", "givenName", "mail"],
    paged_size=500,
    generator=True,
)

session = requests.Session()
session.trust_env = False
session.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"})

for entry in entries:
    attributes = entry["attributes"]
    user = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": attributes["uid"][0],
        "displayName": attributes["cn"][0],
        "name": {"familyName": attributes["sn"][0], "givenName": attributes["givenName"][0]},
        "emails": [{"value": attributes["mail"][0], "primary": True}],
        "active": True,
    }
    session.post(f"{scim_url}/Users", json=user, timeout=30).raise_for_status()
