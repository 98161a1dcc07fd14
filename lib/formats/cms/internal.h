#ifndef FORMATS_CMS_INTERNAL_H
#define FORMATS_CMS_INTERNAL_H

#include "lib/formats/cms/cms.h"
#include "lib/formats/der.h"

/* id-data, RFC 5652 section 4: what the content is, of the attribute and of the message. */
extern const uint8_t cms_id_data[9];

/* Orders as DER orders the elements of a SET OF (X.690 section 11.6). */
void cms_sort(struct ps_bytes *elements, size_t count);

#endif
