"""What phones with ODK Collect or KoboCollect speak: forms, logging in, submissions, answers in XML."""
