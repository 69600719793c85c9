/* What the identities of age.h are made of, for the header. */
#pragma once

#include "stream/age.h"
#include "stream/age_header.h"

AgeOpeners age_identities_openers(const AgeIdentities *identities);
