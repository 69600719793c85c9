/*
 * Which records are believed. A record is a comment, and whoever owns a database may write its
 * comment: who may create databases can make one that says it is the proven copy of a run. So a
 * record counts only if the owner of its database could not gain by forging it
 * (pg/sql/records_read.sql), or is one that the journal of that very run knows.
 */
#pragma once

#include "run/record.h"

/* Lets the journals in the state folder speak for what the server alone does not. */
void trust_by_journal(GPtrArray *records, const char *state_folder);

/* Names what is passed over in warnings. */
void trust_warn(const GPtrArray *records);

/* ERROR_NEEDS_PERSON about a kept or work copy whose record is not believed, for a database that
 * is not there: true if there is none. */
bool trust_settled(const GPtrArray *records, GError **error);
