/*
 * Naming: the one transaction in which a copy gets the name and others step aside. It takes
 * milliseconds, whatever the size.
 */
#pragma once

#include "run/context.h"

/* Who steps aside: gets another name and record, and is closed. */
typedef struct {
    const char *name, *aside;
    const char *role, *phase;
    const char *gate, *content; /* for its record; may be NULL */
} NamingAside;

typedef struct {
    const char *chosen;   /* gets the name */
    const char *row;      /* the version of its row that it must have; NULL: any */
    const char *current;  /* the copy that has the properties of the database in service, which a
                             person may have changed meanwhile; NULL: they are run->before */
    const char *migrated; /* the copy whose properties migrations may have changed; NULL: none */
    NamingAside asides[2];
    size_t n_asides;
    bool in_service; /* the first of asides has the name: its sessions are ended */
} Naming;

/* notes gets a line for each property that was left out or merged. A database in service that its
 * owner has closed is replaced by one that is closed. ERROR_INTEGRITY if
 * the chosen copy has another row by now, ERROR_REFUSED if sessions that cannot be
 * ended are in the way, ERROR_TIMEOUT if they are there until the window is over. A lost answer to
 * COMMIT is an error like others; the names tell.
 */
bool naming_give(Run *run, const Naming *naming, GPtrArray *notes, GError **error);
