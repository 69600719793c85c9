/*
 * How pg/properties.c and pg/properties_statements.c hold a database's properties: as a sorted list
 * of items with a value each, so that reading, merging, comparing and replaying treat all kinds
 * alike.
 *
 * In grants the owner is written as OWNER_ITSELF, because ALTER DATABASE ... OWNER does the same
 * with the ACL: what the old owner had and granted becomes the new owner's. A NULL ACL is held as
 * the grants that it stands for.
 */
#pragma once

#include "base/json.h"
#include "pg/properties.h"

typedef enum {
    PROPERTY_SETTING,
    PROPERTY_CONNECTION_LIMIT,
    PROPERTY_TEMPLATE,
    PROPERTY_COMMENT,
    PROPERTY_LABEL,
    PROPERTY_OWNER,
    PROPERTY_GRANT,
} PropertyKind;

/* No role's name is empty. */
#define OWNER_ITSELF ""
#define GRANTABLE "with grant option"
#define NOT_GRANTABLE "without grant option"

typedef struct {
    PropertyKind kind;
    char *role;      /* of a setting (NULL: the database's own); the grantor */
    char *name;      /* of a setting; a label's provider; the grantee (NULL: PUBLIC) */
    char *privilege; /* of a grant: CONNECT, CREATE, TEMPORARY */
    char *value;     /* as text; there is no item where there is no value */
} Property;

struct PgProperties {
    GPtrArray *items; /* Property *, sorted, one for each kind, role, name and privilege */
    char *database;
    bool default_acl; /* the ACL was NULL */
    json_t *facts;    /* tablespace, encoding, locale: recorded, never replayed */
};

Property *property_new(PropertyKind kind, const char *role, const char *name, const char *privilege,
                       const char *value);
void property_free(Property *property);

/* Order by everything but the value; 0 is the same property. */
int property_compare(const Property *a, const Property *b);

/* The item that is the same property as like; NULL if there is none. */
const Property *property_find(const GPtrArray *items, const Property *like);

/* The value of a property of which there is one; NULL if it is not set. */
const char *properties_value(const PgProperties *properties, PropertyKind kind);
