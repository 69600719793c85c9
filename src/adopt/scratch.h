/*
 * A scratch database on the same server: the migrations that are adopted are applied to it, to know
 * what catalog they give. It is dropped again whatever happens; one that a killed process left is
 * dropped by the next. It holds no row of the live database.
 */
#pragma once

#include "adopt/catalog.h"
#include "migration/apply.h"
#include <glib.h>
#include <stdbool.h>

typedef struct {
    const PgTarget *target;
    PgConnection *control; /* where it is created and dropped; not the scratch database itself */
    PgConnection *live;    /* whose encoding, locale and extensions it gets */
    const char *application;
    int connect_timeout_s;
    const GPtrArray *migrations; /* const Migration *, in order */
    const ApplyOptions *apply;
} ScratchOptions;

/* The catalog that the migrations give. The caller holds the lock of the live database: only then
 * are other scratch databases of it known to be left over. ERROR_REFUSED where the role may not
 * create databases. */
Catalog *scratch_catalog(const ScratchOptions *options, GError **error);
