//! Remotes with something wrong in them: what is damaged is named, all else goes on working, and who
//! has the good bytes mends it.
