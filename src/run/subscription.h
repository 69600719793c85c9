/*
 * Logical subscriptions of the database. Their workers come back by its OID, whatever it is called,
 * and write; so they are disabled in front of the fence, and enabled again in what has the name at
 * the end. A subscription belongs to the OID: what takes the name of another database has none.
 *
 * A subscription that is disabled says so itself: in the transaction that disables it its comment
 * becomes {"drydock":1,"run":ID,"subscription":"SERVER/OID","comment":what it was}. Recovery needs
 * nothing else.
 */
#pragma once

#include "run/context.h"

/* Findings: what would be lost, and what this role may not disable. */
bool subscriptions_survey(Run *run, GError **error);

/* In the live database, before it loses its name. */
bool subscriptions_disable(Run *run, GError **error);

/* In whatever has the name now. What cannot be enabled again, and what stays with a copy that this
 * run put aside, is a remark. */
void subscriptions_settle(Run *run);
