"""What every endpoint of the REST API shares, whatever it is about.

Problems (RFC 9457), keyset paging, entity tags, strict queries, throttles and the schema's manners.
"""
