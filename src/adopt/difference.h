/* How a live catalog differs from the expected one. */
#pragma once

#include "adopt/catalog.h"
#include <glib.h>
#include <stdbool.h>

typedef enum {
    REMEDY_NONE, /* nothing is proposed: it is not the migrations' business, or nobody can tell */
    REMEDY_PROPOSED, /* a commented statement in the repair migration: a person decides */
    REMEDY_REPAIRED, /* the repair migration does it */
} Remedy;

typedef struct {
    const CatalogItem *live;     /* NULL: missing; belongs to its catalog */
    const CatalogItem *expected; /* NULL: not made by the migrations */
    GPtrArray *facts;            /* const char *, the names of the facts that differ */
    bool covered; /* part of a table that is missing or extra as a whole: not told one by one */
    Remedy remedy;
} Difference;

/* Difference * in the order of the expected catalog, what is extra behind it. The caller frees the
 * array; it refers to the catalogs. */
GPtrArray *difference_find(const Catalog *live, const Catalog *expected);

/* How many are told. */
guint difference_count(const GPtrArray *differences);

/* The one that is there. */
const CatalogItem *difference_item(const Difference *difference);

/* "missing", "extra" or "differs" */
const char *difference_what(const Difference *difference);
const char *remedy_name(Remedy remedy);

/* One fact as a person reads it: text as it is, lists with commas. The caller frees it. */
char *difference_fact(const CatalogItem *item, const char *key);

/* [{kind, schema, table, name, what, remedy, facts: {key: {live, expected}}}, ...] */
json_t *difference_to_json(const GPtrArray *differences);

/* Grouped by table; empty if there are none. */
void difference_append_text(GString *text, const GPtrArray *differences);
